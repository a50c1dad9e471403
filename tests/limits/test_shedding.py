"""When a worker turns calls away: its event loop is late, and stays late."""

from collections.abc import Callable, Sequence

import pytest

from gateway.limits.shedding import STEP_PER_S, OverloadOptions, Shedding

OPTIONS = OverloadOptions(lag_ms=100, interval_s=1.0)
TICK_S = 0.05


def ticked(shedding: Shedding, lags: Sequence[float], since: float = 100.0) -> float:
    now = since
    for lag in lags:
        now += TICK_S + lag
        shedding.late(lag, now)
    return now


def refused(shedding: Shedding, count: int, *, batch: bool) -> int:
    return sum(shedding.refuses(batch, bool) for _ in range(count))


def test_a_normal_load_is_never_turned_away() -> None:
    shedding = Shedding(OPTIONS)
    # Pauses of half a second, of the garbage collector or of a neighbour, with quiet between them.
    ticked(shedding, ([0.001] * 20 + [0.5]) * 50)
    assert shedding.level == 0
    assert refused(shedding, 1_000, batch=True) == refused(shedding, 1_000, batch=False) == 0


def test_a_delay_that_stays_is_an_overload_and_batch_goes_first() -> None:
    shedding = Shedding(OPTIONS)
    now = ticked(shedding, [0.15] * 5)
    assert shedding.level == 0, "not for a whole interval yet"
    now = ticked(shedding, [0.15] * 6, now)
    part = shedding.level
    assert 0 < part < 1
    assert refused(shedding, 1_000, batch=True) == pytest.approx(1_000 * part, abs=1)
    assert refused(shedding, 1_000, batch=False) == 0
    ticked(shedding, [0.4] * 20, now)
    assert refused(shedding, 100, batch=True) == 100
    assert 0 < refused(shedding, 1_000, batch=False) < 1_000, "somebody always gets in"


@pytest.mark.parametrize(("lag", "times"), [(0.2, 2), (0.4, 4), (0.8, 4)])
def test_the_part_rises_with_the_delay_and_only_so_fast(lag: float, times: int) -> None:
    shedding = Shedding(OPTIONS)
    now = ticked(shedding, [0.1] * 8)
    before = shedding.level
    shedding.late(lag, now + 0.1)
    assert shedding.level - before == pytest.approx(0.1 * STEP_PER_S * times)


def test_it_ends_when_the_loop_is_in_time_again_and_comes_back_without_waiting() -> None:
    shedding = Shedding(OPTIONS)
    now = ticked(shedding, [0.4] * 20)
    now = ticked(shedding, [0.001] * 200, now)
    assert shedding.level == 0
    ticked(shedding, [0.15] * 2, now)
    assert shedding.level > 0


def test_calls_under_way_may_be_bounded_and_batch_gets_less_of_it() -> None:
    shedding = Shedding(OverloadOptions(max_in_flight=10, batch_share=0.5))
    overs: list[Callable[[], None]] = []

    def let_in(calls: int, *, batch: bool) -> int:
        found = 0
        for _ in range(calls):
            if not refused(shedding, 1, batch=batch):
                over = shedding.begun()
                assert over is not None
                overs.append(over)
                found += 1
        return found

    assert (let_in(7, batch=True), let_in(7, batch=False), let_in(1, batch=True)) == (5, 5, 0)
    assert shedding.turned_away == 5
    for over in overs:
        over()
    assert let_in(7, batch=True) == 5


def test_whose_call_it_is_is_not_asked_in_quiet_times() -> None:
    def asked(call: str) -> bool:
        raise AssertionError(call)

    assert not Shedding(OPTIONS).refuses("mine", asked)


def test_it_can_be_switched_off() -> None:
    shedding = Shedding(OverloadOptions(enabled=False, lag_ms=100))
    ticked(shedding, [1.0] * 50)
    assert refused(shedding, 100, batch=True) == 0
