"""Whether adjustments are what was written: for `gateway ledger verify`."""

from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, Protocol

from gateway.ledger.adjusting.finding import PACKAGE
from gateway.ledger.adjusting.standing import adjustment_seal, repricing_seal
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

Row = dict[str, Any]


class Counting(Protocol):
    adjustments: int


def corrections_of_link(reader: Reader, link: int, tally: Counting) -> Generator[str, None, list[bytes]]:
    """What is wrong with the corrections that this link holds, and then the seals that it was made over."""
    queries = named_queries(PACKAGE)
    seals: list[bytes] = []
    for repricing in reader.rows(queries["repricings_of_link"], {"link": link}):
        seals.append(repricing_seal(repricing))
        number = {"repricing": repricing["id"]}
        below: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for charge in reader.rows(queries["charges_of_repricing"], number):
            below[charge["call"], charge["n"]].append(charge)
        rows = list(reader.rows(queries["adjustments_of_repricing"], number))
        tally.adjustments += len(rows)
        for row in sorted(rows, key=lambda one: (one["call"], one["n"])):
            charges = below[row["call"], row["n"]]
            seals.append(bytes(row["seal"]))
            if adjustment_seal(row, charges) != seals[-1]:
                yield f"{_named(row)}: it or its charges were changed after they were written"
            for name in ("nano", "list_nano"):
                owed = sum(charge[name] or 0 for charge in charges)
                if row[name] != owed:
                    yield f"{_named(row)}: {name} is {row[name]}, its charges say {owed}"
        if repricing["adjustments"] != len(rows):
            yield f"correction {repricing['id']}: it has {len(rows)} of its {repricing['adjustments']} adjustments"
    return seals


def corrections_outside(reader: Reader, may_be_expired: bool) -> Iterator[str]:
    """Rows that nobody vouches for. `may_be_expired`: calls may be gone because they were old."""
    queries = named_queries(PACKAGE)
    for row in reader.rows(queries["repricings_outside"]):
        yield f"correction {row['id']}: its link is not there"
    for row in reader.rows(queries["adjustments_outside"]):
        yield f"{_named(row)}: that correction is not there"
    for row in reader.rows(queries["charges_outside"]):
        yield f"{_named(row)}: it is not there, but charges of it are"
    for row in () if may_be_expired else reader.rows(queries["adjustments_without_call"]):
        yield f"call {row['call']} is missing; an adjustment of its attempt {row['n']} is there"


def _named(row: Row) -> str:
    return f"call {row['call']}, attempt {row['n']}, adjustment {row['repricing']}"
