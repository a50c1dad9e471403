"""Lines of a report put together: their sum, and what callers asked for that is no model."""

from collections.abc import Container, Iterable, Mapping, Sequence

from gateway.ledger.feedback.rating import RatedRow, Ratings
from gateway.ledger.reports import NUMBERS, UsageRow

UNKNOWN_MODEL = "(unknown)"


def added_up(rows: Sequence[UsageRow], group: Mapping[str, str]) -> UsageRow:
    """One line with the sums of all; `group`: its words."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in NUMBERS}
    said = [row.ratings for row in rows if isinstance(row, RatedRow)]
    if not said:
        return UsageRow(group=dict(group), **sums)
    total = Ratings()
    for one in said:
        total += one
    return RatedRow(group=dict(group), **sums, ratings=total)


def may_be_no_model(row: UsageRow) -> bool:
    """Whether its model may be a slip of the pen: every call was refused, and nothing was used."""
    used = row.input_tokens or row.output_tokens or row.cost_nano
    return bool(row.group.get("model")) and row.calls == row.refused and not used


def with_unknown_models(rows: Iterable[UsageRow], known: Container[str]) -> list[UsageRow]:
    """The lines, in the same order, but those of names that are no models (`known`: those that are) as one for each of
    the other words: callers mistype names in many ways, and a report by model would be of that. What was ever served
    in the period keeps its line, though it is declared no longer. Sums stay what they are."""
    found: dict[tuple[str, ...], list[UsageRow]] = {}
    for row in rows:
        group = row.group
        if may_be_no_model(row) and group["model"] not in known:
            group = {**group, "model": UNKNOWN_MODEL}
        found.setdefault(tuple(group.values()), []).append(row)
    return [
        alike[0]
        if key == tuple(alike[0].group.values())
        else added_up(alike, dict(zip(alike[0].group, key, strict=True)))
        for key, alike in sorted(found.items())
    ]
