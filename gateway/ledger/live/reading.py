"""The rows, from one snapshot of the ledger."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.ledger.feedback.joining import PACKAGE as FEEDBACK
from gateway.ledger.feedback.joining import bounds_of
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

PACKAGE = "gateway.ledger.live"


class Subject(msgspec.Struct, frozen=True):
    """Of what the calls are: a route's, or those that asked for a prompt by a label; empty: by whatever."""

    route: str = ""
    prompt: str = ""
    label: str = ""


class LiveCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call. `first_target`: where its first attempt went; empty if the router passed over the target that it had
    put first. `score`: what people said of it; None if nobody did, or that was not asked for. `said_ns`: when."""

    id: str
    started_ns: int
    variant: str
    target: str
    first_target: str
    served_role: str
    prompt_id: str
    person: int
    key_id: str
    run_id: str
    outcome: str
    finish_reason: str
    stream: int
    cache: str
    pricing: str
    cost_nano: int | None
    ttfb_us: int | None
    duration_us: int
    input_tokens: int
    output_tokens: int
    score: float | None
    said_ns: int


class Mirrored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mirror's call and the caller's own, both ended. `model`: the mirror's."""

    started_ns: int
    model: str
    outcome: str
    finish_reason: str
    stream: int
    ttfb_us: int | None
    duration_us: int
    target: str
    cost_nano: int | None
    pricing: str
    own_outcome: str
    own_finish_reason: str
    own_pricing: str
    own_cost_nano: int | None
    own_ttfb_us: int | None
    own_duration_us: int


class Counted(msgspec.Struct, frozen=True):
    """How many calls of the period are alike in what tells their arm."""

    variant: str
    prompt_id: str
    first_target: str
    calls: int


class LiveReader:
    """`with live_reader(…) as reader`: all of it from one snapshot."""

    def __init__(self, reader: Reader, subject: Subject, first_ns: int, after_ns: int) -> None:
        self._reader, self._subject = reader, subject
        self._values: dict[str, Any] = {"first": first_ns, "after": after_ns, **bounds_of(first_ns, after_ns)}
        queries = named_queries(PACKAGE)
        condition, named = _condition(subject)
        outcome, own_outcome = (queries["outcome"].format(of=table) for table in ("calls", "own"))
        of_traffic = queries["of_traffic"].format(subject=condition, outcome=outcome)
        shape = queries["shape"].format(outcome=outcome)
        self._parts = {"shape": shape, "attempts": queries["attempts"], "of_traffic": of_traffic}
        self._parts["own_outcome"] = own_outcome
        self._queries, self._named = queries, named

    def counted(self) -> list[Counted]:
        return [Counted(**row) for row in self._rows("arms", self._named)]

    def mirrors(self) -> dict[str, int]:
        """How many calls each mirror of the route had, by its model."""
        rows = self._rows("mirrors", {"route": self._subject.route}) if self._subject.route else ()
        return {row["model"]: row["calls"] for row in rows}

    def calls(self) -> Iterator[LiveCall]:
        """In the order in which they began."""
        return (LiveCall(**row) for row in self._rows("calls", self._named))

    def rated(self, metric: str, *, scores: bool) -> Iterator[LiveCall]:
        """Those of which somebody spoke, in that order: by numbers, or by thumbs and by true and false."""
        feedback = named_queries(FEEDBACK)
        in_force = feedback["in_force"].format(later=feedback["later"])
        values = {**self._named, "metric": metric}
        kinds = "'score'" if scores else "'thumbs', 'bool'"
        rows = self._rows("rated", values, in_force=in_force, kinds=kinds)
        return (LiveCall(**row) for row in rows)

    def mirrored(self) -> Iterator[Mirrored]:
        """In the order in which they began."""
        copied = self._queries[f"copied_{self._reader.kind}"]
        return (Mirrored(**row) for row in self._rows("mirrored", {"route": self._subject.route}, copied=copied))

    def _rows(self, query: str, values: Mapping[str, Any], **parts: str) -> Iterator[dict[str, Any]]:
        text = self._queries[query].format(**self._parts, **parts)
        return self._reader.rows(text, {**self._values, **values})


def _condition(subject: Subject) -> tuple[str, dict[str, Any]]:
    if subject.route:
        return "AND calls.route = :route", {"route": subject.route}
    # All its versions: what stands between `NAME@` and the first beyond.
    texts: dict[str, Any] = {"prompt_from": f"{subject.prompt}@", "prompt_to": f"{subject.prompt}A"}
    sql = "AND calls.prompt_id >= :prompt_from AND calls.prompt_id < :prompt_to"
    if subject.label:
        return f"{sql} AND calls.prompt_label = :label", {**texts, "label": subject.label}
    return sql, texts


@contextmanager
def live_reader(place: LedgerPlace, subject: Subject, first_ns: int, after_ns: int) -> Generator[LiveReader | None]:
    """Of calls that began in the period (Unix nanoseconds, the end exclusive); None: there is no ledger yet.

    Raises:
        LedgerUnavailable: the ledger cannot be read, at first or later on.
    """
    with ledger_reader(place) as reader:
        yield None if reader is None else LiveReader(reader, subject, first_ns, after_ns)
