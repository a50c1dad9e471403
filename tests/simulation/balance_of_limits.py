"""What must be true of limits when a run is over: no hold is left, every counter counts what was used, and nobody had more
than a limit allows."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway.limits.bounds import Bound
from gateway.limits.local import LocalCounters
from tests.simulation.redis_link import Redis, counters_of
from tests.simulation.shared_counters import HOLD_S, TIMEOUT_MS
from tests.simulation.world import World

Calls = Mapping[str, Mapping[str, Any]]


def check_limits(calls: Calls, world: World) -> None:
    """Raises:
    AssertionError: a hold is left, a counter counts something else, or a limit was overshot.
    """
    if world.redis is None:
        for worker in world.incarnations:
            _check_alone(worker, world.bounds())
        return
    _check_holds(world, world.redis)
    _check_windows(world, world.redis)
    if world.policies is not world.rates:
        _check_told(calls, world, world.redis)
        _check_counters(world, world.redis)


def _check_alone(worker: Any, bounds: Mapping[str, Bound]) -> None:
    """Counters in one process: a budget has what was spent, and that is no more than it allows. The upstream of these
    runs never makes more than was reserved."""
    assert isinstance(worker.counters, LocalCounters)
    for key, bound in bounds.items():
        counter = worker.counters._counters.get(key)
        spent = _of(bound, worker.disk.spent)
        if bound.span.kind == "calendar":
            assert spent <= bound.maximum, f"{key} allows {bound.maximum}, and {spent} was spent"
        if counter is None or worker.disk.dead:
            continue
        if bound.span.kind == "calendar":
            assert counter.counted.used(0.0) == spent, f"{key} has counted something else than {spent}"
        if bound.span.kind == "now":
            assert counter.counted.used(0.0) == 0
    assert worker.disk.dead or worker.counters.holds == 0, "every hold was released"


def _check_holds(world: World, redis: Redis) -> None:
    """Nothing waits, and nothing is held for ever."""
    counters: list[Any] = [worker.counters for worker in world.incarnations]
    patience_s = TIMEOUT_MS / 1000
    for one in counters:
        assert one.longest_s <= patience_s + 0.002, f"a call waited {one.longest_s} s for Redis"
    for worker in world.workers:
        assert not worker.counters._tending.open, "every hold was released"
        assert len(worker.counters._settling) == 0, "every ending was told"
    for key, members in list(redis.memory.sorted.items()):
        if key.endswith(b"|holds") and members:
            assert max(members.values()) <= (redis.now() + HOLD_S) * 1000 + 1, "a hold outlives hold_s"
            # What a dead worker held is given back by whoever comes next, once its time is over.
            redis.expire(key, redis.now() + HOLD_S + 1)
    for key, members in list(redis.memory.sorted.items()):
        assert not key.endswith(b"|holds") or not members, "every hold was released"
    for key, fields in redis.memory.hashes.items():
        assert b"concurrent" not in key or int(fields.get(b"u", b"0")) == 0, f"{key} is still under way"


def _check_windows(world: World, redis: Redis) -> None:
    """In the slices that Redis counted them in, from loans too: no window has more than its limit."""
    if redis.troubled:
        return
    bounds, buckets = world.bounds(), Counter[tuple[str, int]]()
    for worker in world.incarnations:
        for member, need in worker.counters.said:
            for key, place in counters_of(member):
                bound = bounds[_name(key)]
                if bound.span.kind == "sliding":
                    buckets[bound.key, place] += need.of(bound.dimension)
    for key, place in list(buckets):
        bound = bounds[key]
        window = sum(buckets[key, place - back] for back in range(bound.span.slices))
        assert window <= bound.maximum or bound.on_exceeded == "warn", f"{key} allows {bound.maximum}, and had {window}"


def _check_told(calls: Calls, world: World, redis: Redis) -> None:
    """What limits were told is what is charged."""
    counters: list[Any] = [worker.counters for worker in world.incarnations]
    said = {member: need.nano or 0 for one in counters for member, need in one.said}
    apart = sum(need.nano or 0 for one in counters for need in one.apart)
    spent = sum(said.values())
    charged = sum(call["cost_nano"] or 0 for call in calls.values())
    unwritten = sum(world.closed.get(call) or 0 for call in world.unwritten)
    assert spent + apart == charged + unwritten, "what limits were told is what is charged"
    lost = sum(nano for member, nano in said.items() if member not in redis.books.settled)
    if not redis.troubled:
        assert apart == 0
        assert not lost or world.killed, "only a killed worker does not say what was used"
    for key, bound in world.bounds().items():
        if bound.span.kind == "calendar":
            for one in counters:
                for name, counter in one._share._local._counters.items():
                    assert not name.startswith(f"{key}#") or counter.counted.used(0.0) <= bound.maximum, name


def _check_counters(world: World, redis: Redis) -> None:
    """A budget's counter has what the ledger knew when Redis had last been emptied, and what it has heard since."""
    books, stored = redis.books, redis.of_periods()
    for name, bound in world.bounds().items():
        if bound.span.kind != "calendar":
            continue
        key = next((key for key in stored if _name(key) == name), b"")
        used = {member: amounts.get(key, 0) for member, amounts in books.settled.items()}
        own = sum(nano for member, nano in used.items() if member in books.admitted - books.uncounted)
        # What was admitted before Redis was emptied counts in full when it ends; so does what was counted apart.
        others = sum(nano for member, nano in used.items() if member not in books.admitted | books.uncounted)
        others += books.adjusted[key]
        knew, told = _of(bound, world.known), {_of(bound, one) for one in world.told}
        seeded = books.seeded[key]
        assert seeded <= max(told, default=0), f"{name} was seeded with {seeded}, and the ledger knew {told}"
        has = f"{name} has {stored[key]}; {knew} when emptied, {seeded} seeded, {own} heard, {others} besides"
        assert knew + own <= stored[key] <= seeded + own + others or world.stepped, has
        assert stored[key] <= seeded + own + others, has
        assert own <= bound.maximum, f"{has}; more was admitted than {bound.maximum}"
        if world.stepped:
            continue  # a worker whose clock was put back dates its calls before the counter was: seeded, they count again
        spent = sum(_of(bound, worker.disk.spent) for worker in world.incarnations)
        assert seeded in {0, *told}, has
        # Nothing counts twice but what ended while Redis was away, if both the ledger and the worker tell of it.
        assert stored[key] <= spent + min(seeded, others), f"{has}; {spent} was spent"
        assert redis.troubled or stored[key] == own, has


def _of(bound: Bound, spent: Mapping[str, int]) -> int:
    """What a budget counts of what was spent by key: its own key's, or that of all."""
    return sum(nano for key, nano in spent.items() if dict(bound.scope).get("key", key) == key)


def _name(key: bytes) -> str:
    """A counter's name without Redis' prefix and tag."""
    return key.decode().split(":", 2)[2]
