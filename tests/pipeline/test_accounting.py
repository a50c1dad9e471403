"""What a call used is on its record whatever goes wrong with its price."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.catalogue.prices import Costed, Priced
from gateway.core.attempt import RETRIES, Attempt, Charge
from gateway.core.call import Served
from gateway.core.live import Live
from gateway.core.usage import Usage
from gateway.pipeline.accounting import account
from gateway.router.attempts import closed
from tests.pipeline.test_obliging import call_of


class Broken:
    def charges(self, asked: Priced) -> Costed:
        raise ArithmeticError(asked.model)


def test_a_price_book_with_a_bug_leaves_the_call_unpriced_and_what_it_used_recorded() -> None:
    call = call_of("chat")
    call.attempts.append(Attempt(target="p/m", provider="p"))
    call.record.outcome = "completed"
    call.served.usage = Usage(input_tokens=3, output_tokens=4)
    with pytest.raises(ArithmeticError):
        account(call, cast(Any, SimpleNamespace(prices=Live(cast(Any, Broken())))))
    record = call.record
    assert (record.usage, record.pricing, record.cost_nano) == (call.served.usage, "unpriced", None)
    assert record.attempts == tuple(call.attempts)


def test_a_client_that_gives_up_between_two_attempts_does_not_pay_for_the_one_that_failed() -> None:
    call = call_of("chat")
    failed = Served()
    failed.usage, failed.usage_source = Usage(input_tokens=3, output_tokens=4), "provider"
    call.attempts.append(Attempt(target="p/m", provider="p"))
    closed(call.attempts[0], failed, "failed", 1, status=502, error_code="upstream_broken")
    call.record.outcome = "cancelled"
    prices = SimpleNamespace(charges=lambda asked: Costed(pricing="priced", charges=(Charge("requests", 1, nano=7),)))
    account(call, cast(Any, SimpleNamespace(prices=Live(cast(Any, prices)))))
    record = call.record
    (attempt,) = record.attempts
    assert (attempt.served, attempt.account, attempt.cost_nano) == (False, RETRIES, 7)
    assert (attempt.outcome, attempt.status, attempt.error_code) == ("failed", 502, "upstream_broken")
    assert (record.usage, record.usage_source, record.cost_nano) == (None, "none", None)
