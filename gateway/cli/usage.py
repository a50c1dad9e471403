"""`gateway usage`: who used what, and what it cost, from the ledger."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from gateway.cli.arguments import Verbs, add_config, date_time, verb
from gateway.cli.output import print_json, print_table
from gateway.config import read_config
from gateway.core.record import Outcome
from gateway.ledger.reports import FILTERS, GROUPS, LedgerUnavailable, as_csv, as_json, never_seen, table, usage


def add_to(verbs: Verbs) -> None:
    parser = verb(
        verbs,
        "usage",
        "report calls, tokens and cost from the ledger",
        "gateway usage --by team,model --since 2026-11-01 --csv",
    )
    add_config(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    by = "tenant,team,model"
    parser.add_argument("--by", default=by, help=f"comma-separated: {', '.join(GROUPS)}; default: {by}")
    parser.add_argument("--since", type=date_time, metavar="WHEN", help="first moment: ISO date or time, UTC")
    parser.add_argument("--until", type=date_time, metavar="WHEN", help="the moment after the last: not in the report")
    parser.add_argument("--zone", default="UTC", help="IANA time zone that days, hours and months are of; default: UTC")
    for name in FILTERS:
        if name != "outcome":
            parser.add_argument(f"--{name}", metavar=name.upper(), help=f"only this {name}")
    parser.add_argument("--outcome", choices=get_args(Outcome), help="only calls that ended so")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    groups = list(dict.fromkeys(word.strip() for word in options.by.split(",") if word.strip()))
    database = settings.state_dir / "ledger.db"
    filters = {name: value for name in FILTERS if (value := getattr(options, name)) is not None}
    try:
        rows = usage(database, groups, options.since, options.until, filters, options.zone)
    except (ValueError, LedgerUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json(as_json(rows))
    elif options.csv:
        sys.stdout.write(as_csv(rows, groups))
    elif rows:
        print_table(*table(rows, groups))
        if any(row.unpriced for row in rows):
            by_target = usage(database, ["target"], options.since, options.until, filters, options.zone)
            targets = [row.group["target"] for row in by_target if row.unpriced]
            print(f"\nwithout a price, and so not in the cost: {', '.join(targets)} (policies/prices.yaml)")
    else:
        unseen = [f"; none is recorded of {name} `{filters[name]}`" for name in never_seen(database, filters)]
        print("no calls in this period" + "".join(unseen))
    return 0
