"""`gateway usage`: who used what, and what it cost, from the ledger."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.output import print_json, print_table
from gateway.config import read_config
from gateway.ledger.reports import FILTERS, GROUPS, LedgerUnavailable, as_csv, as_json, table, usage


def add_to(verbs: Verbs) -> None:
    parser = verb(
        verbs,
        "usage",
        "report calls, tokens and cost from the ledger",
        "gateway usage --by team,model --since 2026-11-01 --csv",
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    parser.add_argument("--by", default="tenant,team,model", help=f"comma-separated: {', '.join(GROUPS)}")
    parser.add_argument("--since", type=_moment, metavar="WHEN", help="first moment: ISO date or time, UTC")
    parser.add_argument("--until", type=_moment, metavar="WHEN", help="the moment after the last")
    parser.add_argument("--zone", default="UTC", help="IANA time zone that days, hours and months are of")
    for name in FILTERS:
        parser.add_argument(f"--{name}", metavar=name.upper(), help=f"only this {name}")
    parser.set_defaults(run=run)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO date or time, such as 2026-11-01") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    groups = [word.strip() for word in options.by.split(",") if word.strip()]
    filters = {name: value for name in FILTERS if (value := getattr(options, name)) is not None}
    try:
        rows = usage(settings.state_dir / "ledger.db", groups, options.since, options.until, filters, options.zone)
    except (ValueError, LedgerUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json(as_json(rows))
    elif options.csv:
        sys.stdout.write(as_csv(rows, groups))
    elif rows:
        print_table(*table(rows, groups))
    else:
        print("no calls in this period")
    return 0
