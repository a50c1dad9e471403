"""The network between workers and a Redis server, and what happens to both: it is where the gateway connects to."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, cast

import hiredis
import msgspec

from gateway.limits.plans import load_scripts
from gateway.stores.redis import Address, RedisServers, RedisUnreachable
from gateway.stores.redis_wire import Wire
from tests.simulation.redis import Memory, RedisError, Scripting

ADDRESS = Address("redis", 6379)
QUICK_S = 0.0005
COMMON = (files("gateway.limits") / "scripts" / "common.lua").read_bytes()
NAMES = {script.sha: name for name, script in load_scripts().items()}
_scripting = Scripting()
_decode = msgspec.msgpack.decode


class Books(msgspec.Struct):
    """What the server was asked to count since it was last emptied, kept apart from what it counted.

    Attributes:
        admitted: the members of reservations. settled: a member → what was said to be used, by counter, the first time.
        uncounted: the settled ones of which that was not counted, because they were sent before and are not known.
        adjusted: by how much a counter was to be changed. seeded: by how much each counter of a calendar period grew when
            it heard from a ledger.
    """

    admitted: set[bytes] = set()
    settled: dict[bytes, dict[bytes, int]] = {}
    uncounted: set[bytes] = set()
    adjusted: Counter[bytes] = msgspec.field(default_factory=Counter[bytes])
    seeded: Counter[bytes] = msgspec.field(default_factory=Counter[bytes])


class Redis:
    """The server, and every connection to it.

    Attributes:
        reachable: whether connections can be opened. frozen: it takes requests and does nothing about them.
        deaf: what it answers gets lost. slow_s: for a message to arrive, one way.
        troubled: whether anything ever happened to it. emptied: how many times it lost its memory.
    """

    def __init__(self, now: Callable[[], float], dice: random.Random) -> None:
        self.now = now
        self.memory = Memory(now)
        self.books = Books()
        self._dice = dice
        self._roads: dict[Road, None] = {}
        self._waiting: list[tuple[Road, bytes]] = []
        self.reachable, self.frozen, self.deaf, self.slow_s = True, False, False, QUICK_S
        self.troubled, self.emptied = False, 0

    def servers(self) -> "Servers":
        return Servers(self)

    def misfortune(self) -> None:
        dice = self._dice
        self.troubled = True
        match dice.choice(["reachable", "frozen", "deaf", "slow", "empty", "cut", "scripts"]):
            case "reachable":
                self.reachable = not self.reachable
                self.cut()
            case "frozen":
                self.frozen = not self.frozen
                self._go_on()
            case "deaf":
                self.deaf = not self.deaf
            case "slow":
                self.slow_s = dice.choice([QUICK_S, 0.002, 0.012, 0.2])
            case "empty":
                self.emptied += 1
                self.memory.forget()
                self.books = Books()
                self.cut()
            case "scripts":
                self.memory.scripts.clear()
            case _:
                self.cut()

    def expire(self, holds: bytes, at: float) -> None:
        """Run what every reservation begins with, at a later time."""
        while self.memory.sorted.get(holds):
            text = COMMON + b"\nexpire_holds(KEYS[1], tonumber(ARGV[1]))"
            name = _scripting.load(self.memory, text)
            _scripting.run(self.memory, name, [holds], [b"%d" % (at * 1000)])

    def of_periods(self) -> Counter[bytes]:
        """What counters of calendar periods have counted, by key."""
        return Counter(
            {
                key: sum(int(amount) for field, amount in fields.items() if field[:1] == b"p")
                for key, fields in self.memory.hashes.items()
                if any(field[:1] == b"p" for field in fields)
            }
        )

    def recover(self) -> None:
        self.reachable, self.frozen, self.deaf, self.slow_s = True, False, False, QUICK_S
        self._go_on()

    def cut(self) -> None:
        for road in list(self._roads):
            road.lost(ConnectionResetError())

    def open(self, wire: Wire) -> None:
        road = Road(self, wire)
        self._roads[road] = None
        connection = SimpleNamespace(_writer=SimpleNamespace(transport=road), _reader=None)
        wire.take_over(cast(asyncio.Transport, road), connection)

    def closed(self, road: "Road") -> None:
        self._roads.pop(road, None)

    def arrived(self, road: "Road", data: bytes) -> None:
        if self.frozen:
            self._waiting.append((road, data))
            return
        road.reader.feed(data)
        answers: list[bytes] = []
        while (words := road.reader.gets()) is not False:
            answers.append(self._answer(words))
        if not self.deaf:
            road.say(b"".join(answers))

    def _go_on(self) -> None:
        if not self.frozen:
            waiting, self._waiting = self._waiting, []
            for road, data in waiting:
                self.arrived(road, data)

    def _answer(self, words: list[bytes]) -> bytes:
        try:
            if words[:2] == [b"SCRIPT", b"LOAD"]:
                return _resp(_scripting.load(self.memory, words[2]))
            assert words[0] == b"EVALSHA", "all that the gateway says to it"
            count = int(words[2])
            keys, rest = words[3 : 3 + count], words[3 + count :]
            script = NAMES.get(words[1])
            held = set(self.memory.sorted.get(keys[0], ())) if script == "settle" else set[bytes]()
            before = self.of_periods() if script == "seed" else Counter[bytes]()
            reply = _scripting.run(self.memory, words[1], keys, rest)
        except RedisError as error:
            return b"-%b\r\n" % str(error).encode()
        self._book(NAMES[words[1]], rest, reply, held)
        if script == "seed":
            self.books.seeded += self.of_periods() - before
        return _resp(reply)

    def _book(self, script: str, words: list[bytes], reply: Any, held: set[bytes]) -> None:
        """`held`: the reservations that there were before."""
        books = self.books
        if script == "reserve" and reply[0] == 1 and reply[1]:
            books.admitted.add(reply[1])
        if script == "settle":
            for member, packed in zip(words[::2], words[1::2], strict=True):
                asked_before, *used = _decode(packed)
                if member not in books.settled and asked_before and member not in held:
                    books.uncounted.add(member)
                books.settled.setdefault(member, dict(zip((key for key, _ in counters_of(member)), used, strict=True)))
        if script == "adjust":
            for key, _, by, _ in map(_decode, words):
                books.adjusted[key.encode()] += by


class Road:
    """One connection. In the place of a transport: what is written arrives a while later, in its order."""

    def __init__(self, redis: Redis, wire: Wire) -> None:
        self._redis = redis
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._there_at = self._back_at = 0.0
        self.reader: Any = hiredis.Reader()
        self.open = True

    def set_protocol(self, protocol: object) -> None:
        assert protocol is self._wire

    def write(self, data: bytes) -> None:
        if self.open:
            self._there_at = max(self._there_at, self._loop.time() + self._redis.slow_s)
            self._loop.call_at(self._there_at, self._redis.arrived, self, data)

    def say(self, data: bytes) -> None:
        self._back_at = max(self._back_at, self._loop.time() + self._redis.slow_s)
        self._loop.call_at(self._back_at, self._hear, data)

    def _hear(self, data: bytes) -> None:
        if self.open:
            self._wire.data_received(data)

    def abort(self) -> None:
        self.open = False
        self._redis.closed(self)

    def lost(self, error: Exception) -> None:
        self.abort()
        self._wire.connection_lost(error)


class Servers(RedisServers):
    """A worker's way to the server. `dead`: the worker was killed, and nothing that it says leaves it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wires: list[Wire] = []
        self.dead = False

    @property
    def clustered(self) -> bool:
        return False

    async def master(self) -> Address:
        return ADDRESS

    async def connect(self, address: Address, make: Callable[[], Wire]) -> Wire:
        await asyncio.sleep(2 * self._redis.slow_s)
        if self.dead or not self._redis.reachable:
            raise RedisUnreachable(f"{address}: refused")
        wire = make()
        self._wires.append(wire)
        self._redis.open(wire)
        return wire

    def kill(self) -> None:
        self.dead = True
        for wire in self._wires:
            wire.close("killed")


def counters_of(member: bytes) -> list[tuple[bytes, Any]]:
    """The counters that a reservation took of, in their order: each key, and the field that it was counted in."""
    held = _decode(member)
    return [(key.encode(), field) for key, field in zip(held[1::4], held[2::4], strict=True)]


def _resp(reply: Any) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    return b"*%d\r\n" % len(reply) + b"".join(map(_resp, reply))
