"""A provider's exports against the ledger."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reconciling.booked import Booked, Doubtful, booked, doubtful
from gateway.ledger.reconciling.comparing import Comparison, told
from gateway.ledger.reconciling.differences import Cell
from gateway.ledger.reconciling.files import check_pages
from gateway.ledger.reconciling.models import cells as names_of
from gateway.ledger.reconciling.stated import Export, Stated


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    provider: a name in config.yaml. since, until: days, `until` exclusive; None: as far as the exports go.
    tolerance: a part, such as 0.005. same: an export's name of a model → the ledger's.
    keys: API keys that are the gateway's, as the export names them; empty: all of them are.
    currency: of the ledger.
    """

    provider: str
    since: date | None = None
    until: date | None = None
    tolerance: Decimal = Decimal("0.005")
    same: Mapping[str, str] = {}
    keys: frozenset[str] = frozenset()
    currency: str = "USD"


class Result(msgspec.Struct, frozen=True):
    """`cells`: by day and model. notes: what could not be compared, in words."""

    cells: list[Cell]
    days: list[date]
    notes: list[str]

    @property
    def has_drift(self) -> bool:
        return any(cell.has_drift for cell in self.cells)


def reconcile(place: LedgerPlace, exports: Sequence[Export], asked: Asked) -> Result:
    """Raises:
    ExportError: a page is there twice, or one is missing. ValueError: no export covers any of these days.
    LedgerUnavailable: the ledger cannot be read.
    """
    check_pages(exports)
    known = told(exports)
    days = [day for day in sorted(known.quantity_days | known.cost_days) if _is_asked(day, asked)]
    if not days:
        raise ValueError("the exports state nothing of these days")
    with ledger_reader(place) as reader:
        ours: dict[tuple[date, str], Booked] = {} if reader is None else booked(reader, asked.provider, days)
        calls: list[Doubtful] = [] if reader is None else list(doubtful(reader, asked.provider, days))
    lines = [line for export in exports for line in export.lines]
    names = names_of({line.model for line in lines}, {model for _, model in ours}, asked.same)
    costs, notes = _currencies(lines, asked.currency)
    compare = Comparison(known, names, asked.tolerance, costs)
    own = [line for line in lines if not _is_foreign(line, asked.keys)]
    cells = compare.cells(own, ours, calls, days)
    foreign: list[Cell] = []
    for key in sorted({line.key for line in lines if _is_foreign(line, asked.keys)}):
        for cell in compare.cells([line for line in lines if line.key == key], {}, (), days):
            cell.notes.append(f"by key {key}, which is not the gateway's")
            foreign.append(cell)
    cells = sorted([*cells, *foreign], key=lambda cell: (cell.day, cell.model))
    return Result(cells, days, [*notes, *_questions(cells)])


def _is_asked(day: date, asked: Asked) -> bool:
    return (asked.since is None or asked.since <= day) and (asked.until is None or day < asked.until)


def _is_foreign(line: Stated, keys: Collection[str]) -> bool:
    return bool(keys) and bool(line.key) and line.key not in keys


def _currencies(lines: Sequence[Stated], own: str) -> tuple[bool, list[str]]:
    """Whether money can be compared, and why not."""
    stated = {line.currency for line in lines if line.cost is not None} - {own}
    if stated:
        return False, [
            f"costs are not compared: they are stated in {', '.join(sorted(stated))}, the ledger is in {own}"
        ]
    return True, []


def _questions(cells: Sequence[Cell]) -> list[str]:
    """A model that only one side has, on a day on which the other has one that it does not have either: perhaps one and
    the same, and that is for people to say."""
    theirs = {cell.model for cell in cells if "bypass" in cell.findings and not cell.notes}
    ours = {cell.model for cell in cells if "missing there" in cell.findings}
    if not theirs or not ours:
        return []
    said = f"{', '.join(sorted(theirs))} and of the ledger {', '.join(sorted(ours))}"
    return [f"if some of the export's models are the ledger's under another name, say --same NAME=NAME: {said}"]
