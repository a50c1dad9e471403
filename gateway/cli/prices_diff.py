"""`gateway prices diff`: what another price book would have charged for what was bought."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.catalogue.prices import PriceBook, read_prices
from gateway.catalogue.prices.published import read_file
from gateway.catalogue.prices.repricing import Change, changes
from gateway.cli.arguments import Verbs, add_config, add_json, since, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.money import decimal_text
from gateway.ledger.purchases import bought
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.documents import DocumentError

COLUMNS = ("team", "model", "target", "calls", "changed", "before", "after", "difference")
DAYS = "30d"


def add_to(actions: Verbs) -> None:
    summary = "price what the ledger holds by another price file, or with another base, and show what changes"
    parser = verb(actions, "diff", summary, "gateway prices diff new-prices.yaml --since 30d")
    parser.add_argument("new", metavar="NEW", help="another prices.yaml; or a snapshot (.json) as its base")
    add_config(parser)
    parser.add_argument("--since", type=since, default=since(DAYS), metavar="WHEN", help=f"default: {DAYS}")
    parser.add_argument("--all", action="store_true", help="show what costs the same, too")
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    book = _book(Path(options.new), settings)
    try:
        found = changes(bought(settings.ledger, options.since.at, None), book)
    except LedgerUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    shown = [one for one in found if options.all or one.changed]
    if options.json:
        print_json([_as_json(one) for one in shown])
        return 0
    if shown:
        print_table(COLUMNS, [_line(one) for one in shown])
        print()
    for line in _summary(found, options.since.words, book.currency):
        print(line)
    return 0


def _book(new: Path, settings: Settings) -> PriceBook:
    if new.suffix != ".json":
        return read_prices(new, settings.wiring)
    try:
        base = read_file(new)
    except ValueError as error:
        raise DocumentError(str(new), 0, str(error)) from None
    return read_prices(settings.policies_dir / "prices.yaml", settings.wiring, base)


def _line(change: Change) -> list[str]:
    difference = change.after - change.before
    sign = "+" if difference > 0 else ""
    numbers = [decimal_text(change.before), decimal_text(change.after), sign + decimal_text(difference)]
    return [change.team, printable(change.model), change.target, str(change.attempts), str(change.changed), *numbers]


def _summary(found: Sequence[Change], when: str, currency: str) -> list[str]:
    calls, changed = sum(one.attempts for one in found), sum(one.changed for one in found)
    if not calls:
        return [f"nothing was bought {when}"]
    before, after = sum(one.before for one in found), sum(one.after for one in found)
    said = [f"{changed} of {calls} upstream calls {when} would cost something else, in {currency}:"]
    said.append(f"{decimal_text(before)} became {decimal_text(after)}")
    was, now = sum(one.unpriced_before for one in found), sum(one.unpriced_after for one in found)
    if was or now:
        said.append(f"without a price, and so in no sum: {was} calls; by the new book {now}")
    reasons = sorted({reason for one in found for reason in one.reasons})
    said += [f"  {printable(reason)}" for reason in reasons]
    return said


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "team": change.team,
        "model": change.model,
        "target": change.target,
        "calls": change.attempts,
        "changed": change.changed,
        "before": decimal_text(change.before),
        "after": decimal_text(change.after),
        "difference": decimal_text(change.after - change.before),
        "unpriced_before": change.unpriced_before,
        "unpriced_after": change.unpriced_after,
        "priced_by": sorted(change.entries),
        "reasons": sorted(change.reasons),
    }
