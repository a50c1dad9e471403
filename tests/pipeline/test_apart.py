"""Calls that no caller waits for: sent behind callers, kept by no provider, on nobody's bill."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.catalogue.prices import Costed, Priced
from gateway.core.attempt import MIRRORS, Attempt, Charge
from gateway.core.call import Call
from gateway.core.live import Live
from gateway.core.model import Decision, Model, Permit
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.limits.loading import read_limits
from gateway.pipeline.apart import BooksApart
from gateway.pipeline.demand import demands
from gateway.stores.documents import Text
from tests.pipeline.test_obliging import call_of

ROOMY = b"limits: [{id: roomy, per: [team], requests_per_minute: 1000}]"


class Journal:
    def __init__(self, full: bool = False) -> None:
        self.closed_records: list[Record] = []
        self.full = full

    def opened(self, record: Record) -> None:
        if self.full:
            raise OSError("full")

    def closed(self, record: Record) -> None:
        self.closed_records.append(record)


class Book:
    def __init__(self) -> None:
        self.asked: list[Priced] = []

    def charges(self, asked: Priced) -> Costed:
        self.asked.append(asked)
        return Costed((Charge("input_tokens", asked.usage.input_tokens, nano=30),), "priced", "v")


def books(
    journal: Journal, book: Book | None = None, failed: list[OSError] | None = None, ended: list[Call] | None = None
) -> BooksApart:
    parts: Any = SimpleNamespace(
        journal=journal,
        prices=Live(cast(Any, book or Book())),
        journal_failed=(failed if failed is not None else []).append,
        ended_apart=(ended if ended is not None else []).append,
    )
    return BooksApart(parts)


@pytest.mark.parametrize(
    ("operation", "fields", "sent"),
    [
        ("responses", {"input": "x"}, {"input": "x", "store": False}),
        ("responses", {"store": True}, {"store": False}),
        ("chat", {"messages": []}, {"messages": []}),
        ("chat", {"store": True}, {"store": False}),
    ],
)
def test_the_provider_keeps_nothing_of_it(operation: str, fields: dict[str, Any], sent: dict[str, Any]) -> None:
    call = call_of(operation, **fields)
    books(Journal()).opened(call)
    assert json.loads(call.fields.encode({})) == sent


def test_what_cannot_be_recorded_is_told_and_not_made() -> None:
    failed: list[OSError] = []
    with pytest.raises(OSError, match="full"):
        books(Journal(full=True), failed=failed).opened(call_of("chat"))
    assert len(failed) == 1


def test_its_attempt_has_what_it_used_and_costs_and_its_record_nothing() -> None:
    journal, book = Journal(), Book()
    call = call_of("chat")
    call.attempts.append(Attempt(target="p/m", provider="p", role="mirror", account=MIRRORS))
    call.record.outcome = "completed"
    call.served.usage, call.served.usage_source = Usage(input_tokens=3), "provider"
    ended: list[Call] = []
    books(journal, book, ended=ended).closed(call)
    assert ended == [call]
    (record,) = journal.closed_records
    (attempt,) = record.attempts
    assert (attempt.served, attempt.usage, attempt.cost_nano) == (False, Usage(input_tokens=3), 30)
    assert (record.usage, record.cost_nano, record.pricing) == (None, None, "none")
    assert book.asked[0].paid, "without mark-ups: the organisation pays"


def test_it_waits_behind_callers() -> None:
    demand_of = demands(Live(read_limits(Text("limits.yaml", ROOMY))))
    call = call_of("chat", messages=[])
    call.caller = Principal(key_id="k", tenant="t", team="a")
    model = Model(name="m", target=Target("p", "m"), place="p/m")
    call.permits = [Permit(model, Decision(allowed=True))]
    assert demand_of(call).share.priority == "interactive"
    call.record.variant = "mirror"
    assert demand_of(call).share.priority == "batch"
