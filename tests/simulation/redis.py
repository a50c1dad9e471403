"""A Redis server for virtual time: the commands that the gateway's scripts use, and Lua to run the scripts in.

The scripts are the real ones, run by the same Lua as in Redis (5.1). What is written here is what they call, and the
conversions between Redis' types and Lua's; `test_redis.py` compares both with a real server.
"""

import struct
from collections.abc import Callable
from hashlib import sha1
from typing import Any

import msgspec
from lupa import lua51

Reply = int | bytes | None | list[Any]
_decode = msgspec.msgpack.decode


class RedisError(Exception):
    """What a server answers instead."""


class Memory:
    """Keys and values. `now`: the server's own clock, in Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.scripts: set[str] = set()
        self.hashes: dict[bytes, dict[bytes, bytes]] = {}
        self.sorted: dict[bytes, dict[bytes, float]] = {}
        self.strings: dict[bytes, bytes] = {}
        self._ends: dict[bytes, float] = {}

    def forget(self) -> None:
        """Restarted, with nothing kept on a disk."""
        self.scripts.clear()
        for values in (self.hashes, self.sorted, self.strings, self._ends):
            values.clear()

    def call(self, name: bytes, *words: bytes) -> Reply:
        """Raises:
        RedisError: no such command, or not with these words.
        """
        if words and self._ends.get(words[0], float("inf")) <= self._now() * 1000:
            self._del(words[0])
        command = getattr(self, f"_{name.decode().lower()}", None)
        if command is None:
            raise RedisError(f"ERR unknown command '{name.decode()}'")
        return command(*words)

    def _time(self) -> list[bytes]:
        micros = int(self._now() * 1e6)
        return [b"%d" % (micros // 1_000_000), b"%d" % (micros % 1_000_000)]

    def _get(self, key: bytes) -> bytes | None:
        return self.strings.get(key)

    def _setnx(self, key: bytes, value: bytes) -> int:
        if key in self.strings:
            return 0
        self.strings[key] = value
        return 1

    def _del(self, key: bytes) -> int:
        self._ends.pop(key, None)
        found = [values.pop(key, None) for values in (self.hashes, self.sorted, self.strings)]
        return int(any(value is not None for value in found))

    def _hget(self, key: bytes, field: bytes) -> bytes | None:
        return self.hashes.get(key, {}).get(field)

    def _hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        found = self.hashes.get(key, {})
        return [found.get(field) for field in fields]

    def _hgetall(self, key: bytes) -> list[bytes]:
        return [word for pair in self.hashes.get(key, {}).items() for word in pair]

    def _hkeys(self, key: bytes) -> list[bytes]:
        return list(self.hashes.get(key, {}))

    def _hexists(self, key: bytes, field: bytes) -> int:
        return int(field in self.hashes.get(key, {}))

    def _hset(self, key: bytes, *pairs: bytes) -> int:
        found = self.hashes.setdefault(key, {})
        before = len(found)
        found.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(found) - before

    def _hsetnx(self, key: bytes, field: bytes, value: bytes) -> int:
        return 0 if self._hexists(key, field) else self._hset(key, field, value)

    def _hdel(self, key: bytes, *fields: bytes) -> int:
        found = self.hashes.get(key, {})
        gone = sum(found.pop(field, None) is not None for field in fields)
        if not found:
            self._del(key)
        return gone

    def _hincrby(self, key: bytes, field: bytes, by: bytes) -> int:
        found = self.hashes.get(key, {})
        try:
            value = int(found.get(field, b"0")) + int(by)
        except ValueError:
            raise RedisError("ERR value is not an integer or out of range") from None
        self.hashes.setdefault(key, found)[field] = b"%d" % value
        return value

    def _exists(self, key: bytes) -> bool:
        return key in self.hashes or key in self.sorted or key in self.strings

    def _pexpireat(self, key: bytes, at: bytes) -> int:
        if not self._exists(key):
            return 0
        self._ends[key] = int(at)
        if int(at) <= self._now() * 1000:
            self._del(key)
        return 1

    def _pexpire(self, key: bytes, ms: bytes) -> int:
        return self._pexpireat(key, b"%d" % (int(self._now() * 1000) + int(ms)))

    def _pttl(self, key: bytes) -> int:
        if not self._exists(key):
            return -2
        return int(self._ends[key] - int(self._now() * 1000)) if key in self._ends else -1

    def _zadd(self, key: bytes, *words: bytes) -> int:
        found = self.sorted.get(key, {})
        only_known = words[0] == b"XX"
        score, member = words[-2:]
        known = member in found
        if known or not only_known:
            self.sorted.setdefault(key, found)[member] = float(score)
        return int(not known and not only_known)

    def _zrem(self, key: bytes, member: bytes) -> int:
        found = self.sorted.get(key, {})
        gone = found.pop(member, None) is not None
        if not found:
            self._del(key)
        return int(gone)

    def _zcard(self, key: bytes) -> int:
        return len(self.sorted.get(key, {}))

    def _zrangebyscore(self, key: bytes, low: bytes, high: bytes, *limit: bytes) -> list[bytes]:
        found = self.sorted.get(key, {})
        if not found:
            return []
        first, last = float(low), float(high)
        members = sorted((score, member) for member, score in found.items() if first <= score <= last)
        if limit:
            members = members[int(limit[1]) :][: int(limit[2])]
        return [member for _, member in members]

    def _zremrangebyscore(self, key: bytes, low: bytes, high: bytes) -> int:
        return sum(self._zrem(key, member) for member in self._zrangebyscore(key, low, high))


class Scripting:
    """One Lua for all servers of a process; a script is compiled once."""

    def __init__(self) -> None:
        self._lua: Any = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=False)
        self._memory: Memory | None = None
        self._compiled: dict[str, Any] = {}
        self._globals = self._lua.globals()
        self._globals[b"redis"] = self._lua.table_from({b"call": self._call})
        self._globals[b"cmsgpack"] = self._lua.table_from({b"pack": self._pack, b"unpack": self._unpack})
        self._type = lua51.lua_type

    def load(self, memory: Memory, text: bytes) -> bytes:
        name = sha1(text).hexdigest()
        if name not in self._compiled:
            self._compiled[name] = self._lua.compile(text)
        memory.scripts.add(name)
        return name.encode()

    def run(self, memory: Memory, name: bytes, keys: list[bytes], words: list[bytes]) -> Reply:
        """Raises:
        RedisError: the server does not know the script.
        """
        if name.decode() not in memory.scripts:
            raise RedisError("NOSCRIPT No matching script. Please use EVAL.")
        self._memory = memory
        self._globals[b"KEYS"], self._globals[b"ARGV"] = self._lua.table_from(keys), self._lua.table_from(words)
        return self._from_lua(self._compiled[name.decode()]())

    def _call(self, name: bytes, *words: bytes | float) -> Any:
        assert self._memory is not None, "only a running script calls"
        reply = self._memory.call(name, *(word if isinstance(word, bytes) else _number(word) for word in words))
        return self._to_lua(reply)

    def _to_lua(self, reply: Reply) -> Any:
        if reply is None:
            return False
        if isinstance(reply, list):
            return self._lua.table_from([False if one is None else one for one in reply])
        return reply

    def _from_lua(self, value: Any) -> Reply:
        """As Redis does: numbers lose their fraction, a table ends at its first nil."""
        if isinstance(value, bool) or value is None:
            return 1 if value else None
        if isinstance(value, int | float):
            return int(value)
        if self._type(value) == "table":
            return [self._from_lua(value[place]) for place in range(1, len(value) + 1)]
        return value

    def _pack(self, table: Any) -> bytes:
        return b"".join([_array_head(len(table)), *(_packed(table[place]) for place in range(1, len(table) + 1))])

    def _unpack(self, packed: bytes) -> Any:
        return self._unpacked(_decode(packed))

    def _unpacked(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, list):
            return self._lua.table_from([self._unpacked(one) for one in value])
        return value


def _number(value: float) -> bytes:
    """A number among a command's words."""
    return b"%d" % value if value == int(value) and abs(value) < 1e17 else b"%.17g" % value


def _array_head(count: int) -> bytes:
    return struct.pack(">B", 0x90 | count) if count < 16 else struct.pack(">BH", 0xDC, count)


def _packed(value: Any) -> bytes:
    """A string or a number, as Redis' Lua packs it: what has no fraction is an integer."""
    if isinstance(value, bytes):
        return msgspec.msgpack.encode(value.decode())
    return msgspec.msgpack.encode(int(value) if value == int(value) else float(value))
