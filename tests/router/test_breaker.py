"""When a target is left alone, and how it comes back."""

from collections.abc import Callable

import pytest

from gateway.router.breaker import TABLE, Breaker
from gateway.router.document import Ejection

OPTIONS = Ejection(consecutive=3, failure_rate=0.5, min_calls=10, open_s=1.0, max_open_s=4.0, trials=2)


def fails(breaker: Breaker, now: float, spread: float = 0.5) -> None:
    breaker.failed(breaker.begun(), now, spread)


def answers(breaker: Breaker, now: float) -> None:
    mark = breaker.begun()
    breaker.answered(mark)
    breaker.succeeded(mark, now)


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker(OPTIONS)
    for _ in range(3):
        fails(breaker, now)
    return breaker


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    breaker = Breaker(OPTIONS)
    fails(breaker, 100.0)
    fails(breaker, 100.0)
    answers(breaker, 100.0)
    fails(breaker, 100.0)
    assert breaker.allows(100.0)
    assert not opened().allows(100.5)


def test_half_of_its_calls_failing_opens_it_once_there_were_enough() -> None:
    breaker = Breaker(OPTIONS)
    for _ in range(4):
        answers(breaker, 100.0)
        fails(breaker, 100.0)
    assert breaker.allows(100.0)
    answers(breaker, 100.0)
    fails(breaker, 100.0)
    assert breaker.state == "open"


def test_failures_of_long_ago_are_forgotten() -> None:
    breaker = Breaker(OPTIONS)
    for second in range(100, 400, 15):
        answers(breaker, float(second))
        fails(breaker, float(second))
    assert breaker.state == "closed"
    assert breaker.failure_rate(500.0) == (0.0, 0)


def test_it_is_tried_one_call_at_a_time_and_closes_after_enough_good_ones() -> None:
    breaker = opened()
    assert breaker.allows(101.0)
    trial = breaker.begun()
    assert not breaker.allows(101.0)
    breaker.answered(trial)
    assert breaker.state == "half_open"
    assert breaker.allows(101.0), "a trial is over when it begins to answer"
    answers(breaker, 101.2)
    assert breaker.state == "closed"


def test_a_trial_whose_caller_hung_up_gives_its_place_back_and_says_nothing() -> None:
    breaker = opened()
    assert breaker.allows(101.0)
    breaker.ended(breaker.begun())
    assert breaker.allows(101.0)
    assert breaker.state == "half_open"


def test_what_was_under_way_when_it_broke_says_nothing_of_how_it_is_now() -> None:
    breaker = Breaker(OPTIONS)
    old = [breaker.begun() for _ in range(4)]
    for _ in range(3):
        fails(breaker, 100.0)
    assert breaker.allows(101.0)
    trial = breaker.begun()
    for mark in old[:2]:
        breaker.answered(mark)
        breaker.succeeded(mark, 101.0)
        breaker.ended(mark)
    assert breaker.state == "half_open"
    assert not breaker.allows(101.0), "the trial is still under way"
    breaker.failed(old[2], 101.0, 0.5)
    assert breaker.state == "half_open"
    breaker.failed(trial, 101.0, 0.5)
    breaker.failed(old[3], 101.0, 0.5)
    assert (breaker.state, breaker.until) == ("open", 103.0)


def test_a_call_beside_the_trial_counts_for_nothing() -> None:
    breaker = opened()
    assert breaker.allows(101.0)
    breaker.begun()
    beside = breaker.begun()
    breaker.answered(beside)
    breaker.failed(beside, 101.0, 0.5)
    breaker.ended(beside)
    assert breaker.state == "half_open"
    assert not breaker.allows(101.0)


def test_trials_that_are_cut_off_after_it_came_back_count_as_failures() -> None:
    breaker = opened()
    assert breaker.allows(101.0)
    trials: list[int] = []
    for _ in range(2):
        trials.append(breaker.begun())
        breaker.answered(trials[-1])
    assert breaker.state == "closed"
    for mark in (*trials, breaker.begun()):
        breaker.failed(mark, 102.0, 0.5)
    assert breaker.state == "open"


def test_each_failed_trial_doubles_the_wait_up_to_its_bound() -> None:
    breaker, now, waits = opened(), 100.0, list[float]()
    for _ in range(4):
        now = breaker.until
        assert breaker.allows(now)
        fails(breaker, now)
        waits.append(round(breaker.until - now, 3))
    assert waits == [2.0, 4.0, 4.0, 4.0]


def test_workers_do_not_all_try_at_the_same_moment() -> None:
    first, second = Breaker(OPTIONS), Breaker(OPTIONS)
    for _ in range(3):
        fails(first, 100.0, 0.0)
        fails(second, 100.0, 1.0)
    assert (first.until, second.until) == (pytest.approx(100.8), pytest.approx(101.2))


def test_every_state_can_be_left_and_the_page_says_how() -> None:
    from gateway.router import breaker as module

    assert {state for state, _ in TABLE} == {"closed", "open", "half_open"} == set(TABLE.values())
    lines = [line.split() for line in (module.__doc__ or "").splitlines()]
    told = {
        (words[0], next(word for word in words[1:] if word in set(TABLE.values())))
        for words in lines
        if words and words[0] in set(TABLE.values())
    }
    assert told >= {(state, after) for (state, _), after in TABLE.items()}


PROBED = Ejection(consecutive=1, open_s=1.0, max_open_s=4.0, trials=1, probe_s=0.2)


def test_where_there_are_probes_no_call_is_a_trial_before_one_was_answered() -> None:
    breaker = Breaker(PROBED)
    assert not breaker.wants_probe(100.0)
    fails(breaker, 100.0)
    assert not breaker.allows(1_000.0)
    assert breaker.wants_probe(100.0)
    breaker.probed(100.1)
    assert breaker.state == "half_open"
    assert breaker.allows(100.1)
    answers(breaker, 100.2)
    assert breaker.state == "closed"


def test_a_probe_is_believed_less_soon_after_a_trial_failed_all_the_same() -> None:
    breaker = Breaker(PROBED)
    fails(breaker, 100.0)
    breaker.probed(100.1)
    fails(breaker, 100.2)
    breaker.probed(101.0)
    assert breaker.state == "open"
    breaker.probed(102.3)
    assert breaker.state == "half_open"


def test_what_was_heard_elsewhere_is_probed_too() -> None:
    breaker = Breaker(PROBED)
    breaker.heard_open(200.0)
    breaker.probed(100.0)
    assert breaker.state == "half_open"


def test_requests_of_one_caller_that_break_everything_take_it_from_nobody() -> None:
    """A poison request: whoever else asks is served."""
    breaker = Breaker(Ejection(consecutive=3, min_calls=10, failure_rate=0.3))
    for second in range(20):
        breaker.succeeded(breaker.begun(), float(second), "others")
        for _ in range(5):
            breaker.failed(breaker.begun(), second + 0.5, 0.5, "one")
    assert breaker.state == "closed"


@pytest.mark.parametrize(
    ("what", "act"),
    [
        ("another is failed too", lambda breaker: breaker.failed(breaker.begun(), 1.0, 0.5, "another")),
        ("nobody else was served since", lambda breaker: breaker.failed(breaker.begun(), 1.5, 0.5, "one")),
    ],
)
def test_what_is_not_one_callers_doing_opens_it(what: str, act: Callable[[Breaker], object]) -> None:
    breaker = Breaker(Ejection(consecutive=3))
    breaker.succeeded(breaker.begun(), 0.0, "others")
    for _ in range(5):
        breaker.failed(breaker.begun(), 0.5, 0.5, "one")
    assert breaker.state == "closed"
    act(breaker)
    assert breaker.state == "open"


def test_the_only_caller_is_believed() -> None:
    breaker = Breaker(Ejection(consecutive=3))
    for _ in range(3):
        breaker.failed(breaker.begun(), 0.5, 0.5, "one")
    assert breaker.state == "open"


def test_many_callers_are_not_remembered_without_end() -> None:
    breaker = Breaker(Ejection(consecutive=3))
    for number in range(10_000):
        breaker.succeeded(breaker.begun(), 0.0, f"caller {number}")
    for _ in range(3):
        breaker.failed(breaker.begun(), 0.5, 0.5, "one")
    assert breaker.state == "closed"
