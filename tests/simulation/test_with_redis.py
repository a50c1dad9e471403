"""The same with limits in Redis, which fails too; and the Redis of virtual time against a real one."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits.bounds import Bound, Need
from gateway.limits.plans import Group, load_scripts
from gateway.limits.tending import Tending
from gateway.stores.redis_link import Link
from tests.redis_servers import running
from tests.simulation.redis import Memory, RedisError, Scripting
from tests.simulation.runs import Runs

RUNS = 500
Seeded = Sequence[tuple[Bound, float, int]]
tell, needs = Tending._tell, Group.needs


def test_holds_and_money_balance_whatever_happens_to_redis(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.many(1, RUNS, every=2)
    for what in ("completed", "interrupted", "kills", "redis unscathed", "redis troubled", "redis emptied"):
        assert runs.seen[what] > 0, f"no run had anything {what}: the simulation has lost its teeth"


async def _told_twice(self: Tending, link: Link, seeds: Seeded) -> None:
    await tell(self, link, [*seeds, *seeds])


async def _not_told(self: Tending, link: Link, seeds: Seeded) -> None:
    pass


def _without_money(self: Group, need: Need) -> list[int]:
    return needs(self, msgspec.structs.replace(need, nano=0))


def _without_tokens(self: Group, need: Need) -> list[int]:
    return needs(self, msgspec.structs.replace(need, input_tokens=0, output_tokens=0, requests=0))


@pytest.mark.parametrize(
    ("owner", "name", "broken", "found"),
    [
        (Tending, "_tell", _told_twice, "was seeded with"),
        (Tending, "_tell", _not_told, "0 seeded"),
        (Group, "needs", _without_money, "cost_per_month"),
        (Group, "needs", _without_tokens, "allows"),
    ],
)
def test_limits_that_are_broken_on_purpose_are_found_out(
    owner: type, name: str, broken: object, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError, match=found):
        Runs(tmp_path).many(1, RUNS, every=2)


def test_scripts_answer_and_leave_behind_what_they_do_in_a_real_server(tmp_path: Path) -> None:
    """The gateway's own scripts, with the time read from a key, so that both servers have the same."""
    texts = {
        name: script.text.replace(b"redis.call('TIME')", b"redis.call('HMGET', 'clock', 's', 'u')")
        for name, script in load_scripts().items()
    }
    dice, scripting = random.Random(5), Scripting()
    began = int(time.time())
    memory = Memory(time.time)
    names = {name: scripting.load(memory, text) for name, text in texts.items()}
    with running(tmp_path) as server:
        real = {name: server.client.script_load(text.decode()) for name, text in texts.items()}
        members: list[bytes] = []
        now = float(began)
        for _ in range(400):
            now += dice.choice([0.0, 0.3, 7.5])
            seconds, micros = b"%d" % now, b"%d" % (now % 1 * 1e6)
            memory.call(b"HSET", b"clock", b"s", seconds, b"u", micros)
            server.client.hset("clock", mapping={"s": seconds, "u": micros})
            script, keys, words = _something(dice, members, began)
            ours = scripting.run(memory, names[script], keys, words)
            theirs = server.client.evalsha(real[script], len(keys), *keys, *words)
            assert ours == theirs, f"{script} {words}"
            if script == "reserve" and theirs[0] == 1 and theirs[1]:
                members.append(theirs[1])
        for key, fields in memory.hashes.items():
            assert server.client.hgetall(key) == fields
        for key, scores in memory.sorted.items():
            assert dict(server.client.zrange(key, 0, -1, withscores=True)) == scores
        assert {*memory.hashes, *memory.sorted, *memory.strings} == set(server.client.keys("*"))


def _something(dice: random.Random, members: list[bytes], began: int) -> tuple[str, list[bytes], list[bytes]]:
    """A script with its keys and words."""
    pack = msgspec.msgpack.encode
    hour = 3_600_000
    starts = [began * 1000 - hour * n for n in (900, 2, -300, -900)]
    holds, counters = b"g:{*}:|holds", [b"g:{*}:a", b"g:{*}:b", b"g:{*}:c"]
    match dice.choice(["reserve", "reserve", "reserve", "settle", "renew", "beat", "adjust", "seed"]):
        case "reserve":
            bounds = [[1, 2, 60, 60_000, 1], [2, 2, 900_000, starts], [0, 1, 9]]
            call = [dice.choice(["", "w1", "w2"]), 30_000, [1, dice.randint(0, 40_000), 1]]
            if dice.random() < 0.3:
                call.append([3, 50_000, 1])
            return "reserve", [holds, *counters], [pack(bounds), pack(call)]
        case "settle" if members:
            member = members.pop(dice.randrange(len(members))) if dice.random() < 0.7 else dice.choice(members)
            said = [dice.choice([0, 0, 1]), 1, dice.randint(0, 50_000), 0]
            return "settle", [holds], [member, pack(said)]
        case "renew":
            return "renew", [holds], [b"30000", *members[:3]]
        case "adjust":
            return "adjust", [holds], [pack(["g:{*}:b", "", dice.randint(-9, 9), starts])]
        case "seed":
            spent = [began * 1000 - 5_000, 17, began * 1000 + 10**9, 4]
            return "seed", [holds], [dice.choice([b"l1", b"l2"]), pack(["g:{*}:b", 2, starts, spent])]
        case _:
            return "beat", [b"g:{*}:|workers", b"g:{*}:|incarnation"], [dice.choice([b"w1", b"w2"]), b"5000", b"word"]


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(-(2**62), 2**62)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_amounts_are_exact_beyond_what_a_double_holds(changes: list[tuple[bytes, int]]) -> None:
    memory = Memory(lambda: 0.0)
    for field, by in changes:
        memory.call(b"HINCRBY", b"key", field, b"%d" % by)
    for field in (b"a", b"b"):
        expected = sum(by for name, by in changes if name == field)
        assert int(memory.call(b"HGET", b"key", field) or 0) == expected  # type: ignore[arg-type]


def test_a_script_that_nobody_loaded_is_refused_as_a_server_refuses_it() -> None:
    scripting, memory = Scripting(), Memory(lambda: 0.0)
    name = scripting.load(memory, b"return 1")
    assert scripting.run(memory, name, [], []) == 1
    memory.forget()
    with pytest.raises(RedisError, match="NOSCRIPT"):
        scripting.run(memory, name, [], [])
