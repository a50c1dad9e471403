"""The ledger as the edge asks for it: moments and rows as text and JSON, and errors as faults."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from gateway.core.days import date_time
from gateway.core.faults import Overloaded
from gateway.edge.admin.feedback import SaidDeps
from gateway.edge.admin.usage import UsageDeps
from gateway.edge.organization import Admit, OrganizationDeps, Rows, Spans
from gateway.ledger.calls import call_with_attempts, calls_page
from gateway.ledger.costs import costs_of_spans
from gateway.ledger.feedback.rating import rated, ratings
from gateway.ledger.feedback.showing import feedback_of_call, feedback_page, without_texts
from gateway.ledger.options import LedgerPlace
from gateway.ledger.rendering import as_json
from gateway.ledger.reports import usage, usage_of_spans
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.words import FILTERS, GROUPS

Object = dict[str, Any]
Words = Mapping[str, str]


def usage_deps(place: LedgerPlace) -> UsageDeps:
    """Reports and single calls for the admin API."""

    def report(
        groups: Sequence[str],
        since: str | None,
        until: str | None,
        filters: Words,
        zone: str,
        after: Sequence[str] | None,
        limit: int,
        metric: str | None,
    ) -> list[Object]:
        period = (_moment(since), _moment(until))
        with _readable():
            lines = usage(place, groups, *period, filters, zone, after=after, limit=limit)
            if metric is None:
                return as_json(lines)
            return as_json(rated(lines, ratings(place, groups, *period, filters, zone, metric=metric)))

    def page(
        since: str | None, until: str | None, filters: Words, before: tuple[int, str] | None, limit: int
    ) -> list[Object]:
        with _readable():
            return calls_page(place, _moment(since), _moment(until), filters, before, limit)

    def call(id: str) -> Object | None:
        with _readable():
            found = call_with_attempts(place, id)
            said = [] if found is None else feedback_of_call(place, id)
            return None if found is None else {**found, "feedback": [without_texts(one) for one in said]}

    return UsageDeps(GROUPS, FILTERS, report, page, call)


def said_deps(place: LedgerPlace) -> SaidDeps:
    """Feedback for the admin API."""

    def page(
        since: str | None, until: str | None, filters: Words, before: tuple[str, str] | None, limit: int
    ) -> list[Object]:
        with _readable():
            return feedback_page(place, _moment(since), _moment(until), filters, before, limit)

    def of_call(call: str) -> list[Object]:
        with _readable():
            return feedback_of_call(place, call)

    return SaidDeps(page, of_call)


def organization_deps(
    place: LedgerPlace,
    admit: Admit,
    now: Callable[[], float],
    currency: Callable[[], str],
) -> OrganizationDeps:
    """Usage and costs in OpenAI's shape."""

    def used(spans: Spans, groups: Sequence[str], filters: Mapping[str, Sequence[str]]) -> list[Rows]:
        with _readable():
            return [as_json(rows) for rows in usage_of_spans(place, spans, groups, filters)]

    def charged(
        spans: Spans, groups: Sequence[str], line_items: bool, filters: Mapping[str, Sequence[str]]
    ) -> list[Rows]:
        with _readable():
            found = costs_of_spans(place, spans, groups, line_items, filters)
        return [
            [
                {**one.group, "model": one.model, "meter": one.meter, "quantity": one.quantity}
                | {"nano": one.nano, "unpriced": one.unpriced}
                for one in costs
            ]
            for costs in found
        ]

    return OrganizationDeps(admit, now, used, charged, currency)


@contextmanager
def _readable() -> Generator[None]:
    try:
        yield
    except LedgerUnavailable as error:
        raise Overloaded(
            f"the ledger cannot be read at the moment: {error}", code="ledger_unavailable", headers={"retry-after": "5"}
        ) from error


def _moment(text: str | None) -> datetime | None:
    return None if text is None else date_time(text)
