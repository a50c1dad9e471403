"""`gateway ledger reprice`: price a period again, and add the differences to the ledger."""

import argparse
import sys
from pathlib import Path

from gateway.catalogue.prices import read_prices
from gateway.catalogue.prices.repricing import again
from gateway.cli.arguments import Verbs, add_config, add_json, date_time, since, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.core.money import decimal_text
from gateway.identity.keystore import KeyStore
from gateway.ledger.adjusting.booking import Asked
from gateway.ledger.adjusting.finding import Wanted
from gateway.ledger.adjusting.repricing import Line, Outcome, reprice
from gateway.ledger.catching_up import catch_up
from gateway.ledger.slices import period
from gateway.ledger.store import LedgerUnavailable

COLUMNS = ("month", "target", "calls", "changed", "before", "after", "difference", "without a price", "then")


def add_to(actions: Verbs) -> None:
    summary = "price a period again, and add the differences: sums are corrected, no record is changed"
    example = 'gateway ledger reprice --since 2026-10-01 --until 2026-11-01 --reason "contract of 1 October"'
    parser = verb(actions, "reprice", summary, example)
    add_config(parser)
    parser.add_argument("--since", type=since, required=True, metavar="WHEN", help="7d, 24h, or an ISO date or time")
    parser.add_argument("--until", type=date_time, metavar="WHEN", help="the moment after the last; default: now")
    parser.add_argument("--prices", metavar="FILE", help="the price book; default: prices.yaml of the policies")
    parser.add_argument("--provider", default="", metavar="NAME", help="only this provider of config.yaml")
    parser.add_argument("--model", default="", metavar="NAME", help="only this model, as the provider calls it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why: it is kept with the correction")
    parser.add_argument(
        "--take-back",
        action="store_true",
        help="what the book has no price for is not charged any more; without this it stays as it is",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings, clock = read_config(Path(options.config)), SystemClock()
    if not options.reason.strip():
        print("error: --reason is empty", file=sys.stderr)
        return 2
    file = settings.policies_dir / "prices.yaml" if options.prices is None else Path(options.prices)
    book = read_prices(file, settings.wiring)
    try:
        since_ns, until_ns = period(options.since.at, options.until)
        wanted = Wanted(
            since_ns=since_ns,
            until_ns=min(until_ns, clock.now_ns()),
            provider=options.provider,
            model=options.model,
            take_back=options.take_back,
        )
        catch_up(settings.ledger, settings.state_dir / "journal", clock)
        asked = Asked(actor(), options.reason.strip(), book.version)
        outcome = reprice(
            settings.ledger, wanted, lambda one: again(one, book), asked, clock.now_ns, dry_run=options.dry_run
        )
    except (LedgerUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if outcome.corrections:
        _note(settings, asked, outcome, clock)
    if options.json:
        print_json(_as_json(outcome, book.currency))
    else:
        _print(outcome, book.currency, options.dry_run)
    return 0


def _note(settings: Settings, asked: Asked, outcome: Outcome, clock: SystemClock) -> None:
    details = {
        "reason": asked.reason,
        "prices": asked.book,
        "adjustments": outcome.changed,
        "difference": decimal_text(sum(line.after - line.before for line in outcome.lines)),
    }
    with KeyStore(settings.state_dir / "identity.db", clock) as store:
        for number in outcome.corrections:
            store.note(asked.by, "ledger.reprice", f"correction {number}", details)


def _print(outcome: Outcome, currency: str, dry_run: bool) -> None:
    shown = [line for line in outcome.lines if line.changed or line.kept]
    if shown:
        print_table(COLUMNS, [_cells(line) for line in shown])
        print()
    attempts = sum(line.attempts for line in outcome.lines)
    cost = _signed(sum(line.after - line.before for line in outcome.lines))
    verb_ = "would cost" if dry_run else "cost"
    print(f"{outcome.changed} of {attempts} calls to upstreams {verb_} something else: {cost} {currency}")
    if outcome.corrections:
        print(f"kept as correction {', '.join(map(str, outcome.corrections))}")
    late = sorted({line.month for line in shown if line.late and line.changed})
    if late:
        print(f"closed, so that the difference belongs to the current month: {', '.join(late)}")
    kept = sum(line.kept for line in outcome.lines)
    if kept:
        print(f"{kept} calls have no price by this book and stay as they are (see --take-back)")
    for reason in sorted({reason for line in outcome.lines for reason in line.reasons}):
        print(f"  {printable(reason)}")
    if outcome.without_attempts:
        print(f"{outcome.without_attempts} calls are from before upstream calls were kept one by one: they stay")


def _cells(line: Line) -> list[str]:
    counts = [str(line.attempts), str(line.changed)]
    amounts = [decimal_text(line.before), decimal_text(line.after), _signed(line.after - line.before)]
    return [line.month, printable(line.target), *counts, *amounts, str(line.unpriced_before), str(line.unpriced_after)]


def _signed(nano: int) -> str:
    return f"{'+' if nano > 0 else ''}{decimal_text(nano)}"


def _as_json(outcome: Outcome, currency: str) -> dict[str, object]:
    lines = [
        {
            "month": line.month,
            "target": line.target,
            "closed": line.late,
            "calls": line.attempts,
            "changed": line.changed,
            "before": decimal_text(line.before),
            "after": decimal_text(line.after),
            "difference": decimal_text(line.after - line.before),
            "published_difference": decimal_text(line.list_after - line.list_before),
            "unpriced_before": line.unpriced_before,
            "unpriced_after": line.unpriced_after,
            "kept": line.kept,
            "reasons": sorted(line.reasons),
        }
        for line in outcome.lines
    ]
    said = {"currency": currency, "corrections": outcome.corrections, "without_attempts": outcome.without_attempts}
    return {**said, "lines": lines}
