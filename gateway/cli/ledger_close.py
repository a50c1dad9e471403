"""`gateway ledger close`: from now on a month's figures stay; corrections belong to the open month."""

import argparse
import sys
from pathlib import Path

import msgspec

from gateway.cli.arguments import Verbs, add_config, add_json, month, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json
from gateway.config import read_config
from gateway.core.clock import SystemClock
from gateway.core.money import decimal_text
from gateway.identity.keystore import KeyStore
from gateway.ledger.catching_up import catch_up
from gateway.ledger.closing import Period, close_month
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.writing import ledger_transaction


def add_to(actions: Verbs) -> None:
    parser = verb(actions, "close", "close a month that is over", "gateway ledger close 2026-10")
    add_config(parser)
    add_json(parser)
    parser.add_argument("month", type=month, metavar="YYYY-MM", help="of UTC")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    clock = SystemClock()
    try:
        catch_up(settings.ledger, settings.state_dir / "journal", clock)
        with ledger_transaction(settings.ledger) as ledger:
            if ledger is None:
                raise ValueError("there is no ledger yet")
            period = close_month(ledger, options.month, actor(), clock.now_ns())
    except (LedgerUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with KeyStore(settings.state_dir / "identity.db", clock) as store:
        store.note(actor(), "ledger.close", period.month, {"calls": period.calls, "cost_nano": period.cost_nano})
    _print(period, options.json)
    return 0


def _print(period: Period, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.to_builtins(period))
        return
    cost = decimal_text(period.cost_nano)
    print(f"{period.month} is closed: {period.calls} calls, {cost}; {period.unpriced} calls have no price")
