"""`gateway reconcile`: a provider's usage and cost exports against the ledger."""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from gateway.cli.arguments import Verbs, add_config, date_time, label, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.exports import currency_of
from gateway.ledger.catching_up import catch_up
from gateway.ledger.reconciling.booked import Doubtful
from gateway.ledger.reconciling.differences import Cell, Difference
from gateway.ledger.reconciling.files import read_export
from gateway.ledger.reconciling.reconcile import Asked, Result, reconcile
from gateway.ledger.store import LedgerUnavailable
from gateway.pages import markdown
from gateway.stores.wording import nearest

COLUMNS = ("day", "model", "finding", "meter", "provider", "ledger", "difference", "percent")
SHOWN_CALLS = 10
_HUNDRED = Decimal(100)


def add_to(verbs: Verbs) -> None:
    summary = "compare a provider's usage and cost exports with the ledger: what differs, and which calls explain it"
    example = "gateway reconcile usage-*.json costs.json --provider openai --tolerance 0.5%"
    parser = verb(verbs, "reconcile", summary, example)
    add_config(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="exports of one provider; which, is told by content")
    parser.add_argument("--provider", required=True, metavar="NAME", help="a provider of config.yaml")
    parser.add_argument(
        "--since", type=date_time, metavar="DAY", help="from this day on (UTC); default: as the files say"
    )
    parser.add_argument("--until", type=date_time, metavar="DAY", help="the day after the last")
    parser.add_argument("--tolerance", type=_tolerance, default=_tolerance("0.5%"), metavar="N%", help="default: 0.5%%")
    parser.add_argument(
        "--same", action="append", type=label, default=[], metavar="THEIRS=OURS", help="names of one and the same model"
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="ID", help="the gateway's own API key, as the export names it"
    )
    parser.add_argument("--all", action="store_true", help="show what is the same, too")
    parser.add_argument("--format", choices=("table", "json", "csv", "markdown"), default="table")
    parser.set_defaults(run=run)


def _tolerance(text: str) -> Decimal:
    """`0.5%` as a part, for argparse."""
    try:
        found = Decimal(text.strip().removesuffix("%")) / _HUNDRED
    except ArithmeticError:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage, such as 0.5%") from None
    if not (found.is_finite() and 0 <= found <= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0% to 100%")
    return found


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        result = _result(options, settings)
    except (LedgerUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    shown = [cell for cell in result.cells if options.all or cell.findings != ["exact"]]
    if options.format == "json":
        print_json({**_summary(result), "cells": [_as_json(cell) for cell in shown]})
    elif options.format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow((*COLUMNS, "requests"))
        writer.writerows((*row, " ".join(_id(one) for one in cell.calls)) for cell in shown for row in _rows(cell))
    elif options.format == "markdown":
        _print_markdown(result, shown)
    else:
        _print(result, shown)
    return 1 if result.has_drift else 0


def _result(options: argparse.Namespace, settings: Settings) -> Result:
    known = sorted(settings.wiring.providers)
    if options.provider not in known:
        raise ValueError(f"`{options.provider}` is no provider of {options.config}{nearest(options.provider, known)}")
    exports = [read_export(Path(name)) for name in options.files]
    catch_up(settings.ledger, settings.state_dir / "journal", SystemClock())
    asked = Asked(
        provider=options.provider,
        since=_day(options.since),
        until=_day(options.until),
        tolerance=options.tolerance,
        same=dict(options.same),
        keys=frozenset(options.key),
        currency=currency_of(settings),
    )
    return reconcile(settings.ledger, exports, asked)


def _day(moment: datetime | None) -> date | None:
    if moment is None:
        return None
    if moment.utcoffset() or (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise ValueError("providers count by days of UTC: give a day, such as 2026-10-01")
    return moment.date()


def _rows(cell: Cell) -> Iterator[tuple[str, ...]]:
    finding = ", ".join(cell.findings)
    for one in (cell.requests, *cell.quantities, cell.cost):
        if one is not None:
            yield cell.day.isoformat(), cell.model or "(no model)", finding, one.meter, *_numbers(one)


def _numbers(one: Difference) -> tuple[str, str, str, str]:
    ratio = one.ratio
    percent = "" if ratio is None else f"{(ratio * _HUNDRED).quantize(Decimal('0.01'), ROUND_HALF_EVEN):+}"
    sign = "+" if one.difference > 0 else ""
    return _number(one.theirs), _number(one.ours), sign + _number(one.difference), percent


def _number(value: Decimal) -> str:
    """Without exponent; money to the nano-unit that the ledger has."""
    if value == value.to_integral_value():
        return f"{value.to_integral_value():f}"
    return f"{value.quantize(Decimal('0.000000001'), ROUND_HALF_EVEN):f}".rstrip("0").rstrip(".")


def _id(call: Doubtful) -> str:
    return f"{call.id}/{call.n}" + (f" ({call.upstream_id})" if call.upstream_id else "")


def _print(result: Result, shown: Sequence[Cell]) -> None:
    if shown:
        print_table(COLUMNS, [[printable(cell) for cell in row] for one in shown for row in _rows(one)])
        print()
    for cell in shown:
        for line in _explained(cell):
            print(printable(line))
    for line in _conclusion(result):
        print(printable(line))


def _explained(cell: Cell) -> Iterator[str]:
    where = f"{cell.day} {cell.model or '(no model)'}"
    if cell.by_price is not None and cell.by_quantity is not None and "price drift" in cell.findings:
        yield f"{where}: {_number(cell.by_quantity)} by other amounts, {_number(cell.by_price)} by other prices"
    for note in cell.notes:
        yield f"{where}: {note}"
    if cell.calls:
        yield f"{where}: calls that may explain it, the likeliest first:"
        yield from (f"  {one.why:<12} {_id(one)}  {one.tokens} tokens" for one in cell.calls[:SHOWN_CALLS])
        if len(cell.calls) > SHOWN_CALLS:
            yield f"  and {len(cell.calls) - SHOWN_CALLS} more (--format json has all)"


def _conclusion(result: Result) -> Iterator[str]:
    yield from result.notes
    counts = _counts(result)
    said = ", ".join(f"{count} {word}" for word, count in counts.items()) or "nothing to compare"
    yield f"{result.days[0]} to {result.days[-1]}, by day and model: {said}"


def _counts(result: Result) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cell in result.cells:
        for finding in cell.findings:
            counts[finding] = counts.get(finding, 0) + 1
    return dict(sorted(counts.items()))


def _print_markdown(result: Result, shown: Sequence[Cell]) -> None:
    rows = [
        [markdown.code(row[1]) if at == 1 else markdown.prose(row[at]) for at in range(len(row))]
        for one in shown
        for row in _rows(one)
    ]
    if rows:
        for line in markdown.table(COLUMNS, 4, rows):
            print(line)
        print()
    for cell in shown:
        for line in _explained(cell):
            print(f"* {markdown.prose(line.strip())}")
    for line in _conclusion(result):
        print(f"* {markdown.prose(line)}")


def _summary(result: Result) -> dict[str, Any]:
    return {
        "drift": result.has_drift,
        "first_day": result.days[0].isoformat(),
        "last_day": result.days[-1].isoformat(),
        "findings": _counts(result),
        "notes": result.notes,
    }


def _as_json(cell: Cell) -> dict[str, Any]:
    figures = [one for one in (cell.requests, *cell.quantities, cell.cost) if one is not None]
    return {
        "day": cell.day.isoformat(),
        "model": cell.model,
        "findings": cell.findings,
        "figures": [
            dict(
                zip(("meter", "provider", "ledger", "difference", "percent"), (one.meter, *_numbers(one)), strict=True)
            )
            for one in figures
        ],
        "by_quantity": None if cell.by_quantity is None else _number(cell.by_quantity),
        "by_price": None if cell.by_price is None else _number(cell.by_price),
        "notes": cell.notes,
        "calls": [
            {
                "id": one.id,
                "attempt": one.n,
                "upstream_request_id": one.upstream_id,
                "why": one.why,
                "tokens": one.tokens,
            }
            for one in cell.calls
        ],
    }
