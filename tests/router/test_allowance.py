"""However many calls fail, retries stay a part of the traffic."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.router.allowance import WINDOW_S, Allowance
from gateway.router.document import RetryBudget


@given(st.lists(st.floats(0, 2), min_size=1, max_size=400), st.floats(0, 1), st.integers(0, 20))
def test_attempts_besides_the_first_keep_to_the_share(gaps: list[float], share: float, at_least: int) -> None:
    budget = RetryBudget(share=share, at_least=at_least)
    allowance, now, taken = Allowance(budget, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        allowance.called(now, budget)
        while allowance.take():
            taken += 1
    assert taken <= share * len(gaps) + at_least * (1 + now / WINDOW_S) + 1e-6


def test_a_quiet_gateway_may_retry_and_a_busy_one_saves_up_for_one_window() -> None:
    budget = RetryBudget(share=0.2, at_least=2)
    allowance = Allowance(budget, 0.0)
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    for number in range(10_000):
        allowance.called(number / 100, budget)  # 100 calls a second
    assert 150 < allowance.level < 250
