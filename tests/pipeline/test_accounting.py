"""What a call used is on its record whatever goes wrong with its price."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.catalogue.prices import Costed, Priced
from gateway.core.attempt import Attempt
from gateway.core.live import Live
from gateway.core.usage import Usage
from gateway.pipeline.accounting import account
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
