"""`gateway ledger verify` and `gateway ledger head`: is the ledger what was written to it?"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.cli.arguments import Verbs, add_config, add_json, since, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import read_config
from gateway.core.days import written
from gateway.ledger.closing import came_late
from gateway.ledger.decisions import verify_decisions
from gateway.ledger.reading import ledger_reader
from gateway.ledger.recounting import verify_sums
from gateway.ledger.slices import nanoseconds
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.verifying import Tally, has_head, heads, said, verify_chain
from gateway.stores.reading import Reader

MOST = 200


def add_to(actions: Verbs) -> None:
    example = "gateway ledger verify --head 3f0c…"
    verify = verb(actions, "verify", "check every row, the chain over them, and what they add up to", example)
    add_config(verify)
    add_json(verify)
    verify.add_argument("--since", type=since, metavar="WHEN", help="what came since: 7d, 24h, or ISO; default: all")
    verify.add_argument(
        "--head", action="append", default=[], metavar="DIGEST", help="a head noted earlier: it must be in the chain"
    )
    verify.set_defaults(run=_verify)
    head = verb(actions, "head", "print the chain's head, to be noted elsewhere", "gateway ledger head --json")
    add_config(head)
    add_json(head)
    head.set_defaults(run=_head)


def _verify(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    tally = Tally()
    try:
        with ledger_reader(settings.ledger) as reader:
            if reader is None:
                print("there is no ledger yet")
                return 1 if options.head else 0
            began = 0 if options.since is None else nanoseconds(options.since.at)
            findings, more = said(_findings(reader, began, options.head, tally), MOST)
            late = came_late(reader)
    except (LedgerUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        told = {"ok": not findings, "findings": findings, "more": more, "late": late}
        print_json({**told, "looked_at": msgspec.to_builtins(tally)})
    else:
        _print(findings, more, late, tally)
    return 1 if findings else 0


def _findings(reader: Reader, since_ns: int, known: list[str], tally: Tally) -> Iterator[str]:
    for digest in known:
        if not has_head(reader, digest):
            yield f"the head {digest} is not in the ledger: its chain was cut or made anew since it was noted"
    yield from verify_chain(reader, since_ns, tally)
    yield from verify_sums(reader, since_ns, tally)
    yield from verify_decisions(reader, since_ns)


def _print(findings: list[str], more: bool, late: list[str], tally: Tally) -> None:
    for one in findings:
        print(printable(one))
    if more:
        print(f"more than these {len(findings)}")
    for one in late:
        print(f"note: {one}; what came late belongs to the open month")
    if tally.before_chain:
        print(f"note: {tally.before_chain} calls are older than the chain; only what they add up to was checked")
    if tally.expired_before_ns:
        print(f"note: calls that began before {_at(tally.expired_before_ns)} may be gone, because they were old")
    if tally.resealed:
        print(f"note: {tally.resealed} calls were sealed anew when their tags were taken out (gateway ledger forget)")
    names = ("links", "calls", "attempts", "charges", "adjustments", "hours")
    words = [f"{getattr(tally, name)} {name}" for name in names if name != "adjustments" or tally.adjustments]
    print(f"{'WRONG' if findings else 'as it was written'}: {', '.join(words)}")


def _head(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        with ledger_reader(settings.ledger) as reader:
            found = [] if reader is None else heads(reader)
    except LedgerUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json(found)
    elif found:
        rows = [[one.digest, str(one.seq), one.writer, _at(one.made_ns)] for one in found]
        print_table(["head", "link", "writer", "made"], rows)
    else:
        print("the ledger has no link yet")
    return 0


def _at(ns: int) -> str:
    return written(ns // 1_000_000_000)
