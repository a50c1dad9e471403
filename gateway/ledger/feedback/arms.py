"""Feedback for comparing what served: call by call with what each call was, took and cost, and added up by arm.

An arm is what a call may have been served by instead: a variant of a route, a model, a prompt.
"""

from collections.abc import Generator, Iterable
from datetime import datetime

import msgspec

from gateway.ledger.feedback.joining import PACKAGE, joined
from gateway.ledger.feedback.rating import Ratings
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reports import Filters
from gateway.ledger.slices import period
from gateway.ledger.summing import people_for
from gateway.ledger.words import FILTERS, check_words
from gateway.stores.sqlite import named_queries


class RatedCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One statement that counts, and its call. Of a call there may be several, by metric and by who said it.

    Attributes:
        at_ns: when it was said; started_ns: when the call began. Unix nanoseconds.
        score: of thumbs and bools 1 and 0; None of a label.
        cost_nano: what the team paid for the call; None without a known price, or where nothing was owed.
    """

    call: str
    started_ns: int
    at_ns: int
    tenant: str
    team: str
    route: str
    variant: str
    model: str
    target: str
    served_model: str
    prompt_id: str
    metric: str
    kind: str
    score: float | None
    label: str
    outcome: str
    cost_nano: int | None
    ttfb_us: int | None
    duration_us: int


class ArmKey(msgspec.Struct, frozen=True, order=True):
    route: str
    variant: str
    model: str
    prompt_id: str
    metric: str


class Arm(msgspec.Struct):
    """What one arm came to, of one metric.

    Attributes:
        values: the scores, in the order in which they came; of thumbs and bools 1 and 0.
        labels: how often each word was said.
        calls: different calls; of those, `completed`, `priced`, and what the priced ones cost together, and how long
            all took together. A call that two people spoke of is one call.
    """

    ratings: Ratings
    values: list[float]
    labels: dict[str, int]
    calls: int = 0
    completed: int = 0
    priced: int = 0
    cost_nano: int = 0
    duration_us: int = 0


def rated_calls(
    place: LedgerPlace,
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Filters | None = None,
    *,
    metric: str | None = None,
) -> Generator[RatedCall]:
    """What counts of calls that began in the period, in their order; `filters` are those of reports (`tenant`, `team`,
    `route`, `variant`, `model`, `prompt`, …). A row at a time: close it to end the reading sooner.

    Raises:
        ValueError: an unknown word, or a period that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()}
    check_words(wanted, FILTERS, "filter")
    bounds = period(since, until)
    with ledger_reader(place) as reader:
        if reader is None:
            return
        source = joined(*bounds, wanted, people_for(reader, (), wanted), metric)
        query = named_queries(PACKAGE)["rated_calls"].format(joined=source.sql)
        for row in reader.rows(query, source.values):
            yield RatedCall(**row)


def by_arm(rows: Iterable[RatedCall]) -> dict[ArmKey, Arm]:
    """Added up. The rows of a call stand together, as `rated_calls` gives them."""
    arms: dict[ArmKey, Arm] = {}
    last: dict[ArmKey, str] = {}
    for row in rows:
        key = ArmKey(row.route, row.variant, row.model, row.prompt_id, row.metric)
        arm = arms.setdefault(key, Arm(Ratings(), [], {}))
        _say(arm, row)
        if last.get(key) != row.call:
            last[key] = row.call
            arm.calls += 1
            arm.completed += row.outcome == "completed"
            arm.duration_us += row.duration_us
            if row.cost_nano is not None:
                arm.priced += 1
                arm.cost_nano += row.cost_nano
    return arms


def _say(arm: Arm, row: RatedCall) -> None:
    ratings = arm.ratings
    ratings.feedback += 1
    if row.score is None:
        arm.labels[row.label] = arm.labels.get(row.label, 0) + 1
        return
    arm.values.append(row.score)
    if row.kind == "score":
        ratings.scores += 1
        ratings.score_sum += row.score
    elif row.score:
        ratings.up += 1
    else:
        ratings.down += 1
