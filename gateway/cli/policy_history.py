"""`gateway policy history`: every set of policies that ever took force, and whether the chain of them holds."""

import argparse
import sys
from pathlib import Path

from gateway.access.activations import Activated, activations
from gateway.access.history import HistoryError, PolicyHistory
from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.impact_words import few
from gateway.cli.output import print_json, print_table, printable
from gateway.config import read_config

MAX_NAMED = 4


def add_history(actions: Verbs) -> None:
    """Add `history` to the actions of the verb `policy`."""
    example = "gateway policy history --verify --head 5a0c…"
    parser = verb(actions, "history", "list what took force, when and by whom, or verify the chain of it", example)
    add_config(parser)
    add_json(parser)
    parser.add_argument("--verify", action="store_true", help="exit with 1 if anything was altered, and name it")
    add_head(parser)
    parser.set_defaults(run=run)


def add_head(parser: argparse.ArgumentParser) -> None:
    """`--head`: what shows that the end of a chain was not cut off, nor all of it written anew."""
    parser.add_argument("--head", metavar="HASH", default="", help="a hash written down elsewhere; the log tells each")


def run(options: argparse.Namespace) -> int:
    history = PolicyHistory(read_config(Path(options.config)).policy_history)
    if options.verify or options.head:
        return _verify(history, options.head, as_json=options.json)
    try:
        found = activations(history.entries())
    except HistoryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json(found)
    elif found:
        headings = ["seq", "took force", "digest", "by", "checked out", "what changed"]
        print_table(headings, [_row(one) for one in reversed(found)])
    else:
        print("the history is empty: it begins when a gateway first serves")
    return 0


def _verify(history: PolicyHistory, head: str, *, as_json: bool) -> int:
    problems = history.verify(head)
    entries = [] if problems else history.entries()
    newest = entries[-1].hash if entries else ""
    if as_json:
        print_json({"verified": not problems, "problems": problems, "entries": len(entries), "head": newest})
    elif problems:
        for problem in problems:
            print(f"error: {printable(problem)}", file=sys.stderr)
    else:
        head_said = f"; head {newest}" if newest else ""
        print(f"{len(entries)} entries, and all their files, are as they were written{head_said}")
    return 1 if problems else 0


def _row(one: Activated) -> list[str]:
    return [
        str(one.seq),
        one.activated_at,
        one.digest[:16],
        printable(one.actor),
        one.source[:12],
        printable(what_changed(one)),
    ]


def what_changed(one: Activated) -> str:
    """Files in words: `+` came, `-` went, the others changed; the first few."""
    if one.seq == 1:
        return f"the first: {one.files} files"
    names = [*(f"+{name}" for name in one.added), *(f"-{name}" for name in one.removed), *one.changed]
    return few(names, most=MAX_NAMED)
