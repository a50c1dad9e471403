"""`gateway policy diff`: who gains or loses what between two versions of the policies, computed, not read from text."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.access.comparing import Comparison, NameChange, compare
from gateway.access.describing import SAID, Described, counted, described, few, rules_in_words
from gateway.access.sides import Side
from gateway.cli.arguments import Verbs, moment, verb
from gateway.cli.output import print_json, print_table
from gateway.cli.policy_folders import wiring_of
from gateway.config import read_config
from gateway.pages.markdown import prose
from gateway.policyset import CALLS, PolicySet, read_policies

HEADINGS = ("change", "who", "models", "operations", "requests", "why")
TABLE_WORDS, COMMENT_WORDS = 4, 12


def add_diff(actions: Verbs) -> None:
    """Add `diff` to the actions of the verb `policy`."""
    example = "gateway policy diff main/policies policies --markdown"
    parser = verb(actions, "diff", "show who gains or loses access between two folders of policies", example)
    parser.add_argument("old", metavar="OLD", help="a folder of policies")
    parser.add_argument("new", metavar="NEW", help="another version of it")
    parser.add_argument("--config", metavar="FILE", help="read routes and engines from here; default: none")
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="compare as of then, such as 2026-11-01; default: now"
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if anything is decided differently")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    form.add_argument("--markdown", action="store_true", help="print a comment for a pull request")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    wiring = wiring_of(None if options.config is None else read_config(Path(options.config)))
    old, new = (_side(read_policies(Path(folder), wiring)) for folder in (options.old, options.new))
    found = compare(old, new, CALLS, time.time() if options.at is None else options.at)
    rows = described(found, old, new)
    if options.json:
        print_json(_as_json(found, rows))
    elif options.markdown:
        print("\n".join(_markdown(found, rows)))
    else:
        _print(found, rows)
    return int(options.exit_code and not found.empty)


def _side(policies: PolicySet) -> Side:
    return Side(policies.access, policies.catalogue, policies.tenants.classes)


def _print(found: Comparison, rows: Sequence[Described]) -> None:
    print("\n".join(rules_in_words(found.rules)))
    for line in (*_names(found.names), *(f"not looked at: {reason}" for reason in found.left_out)):
        print(line)
    print(_asked(found))
    if rows:
        print()
        print_table(HEADINGS, [_cells(row, TABLE_WORDS) for row in rows])


def _cells(row: Described, most: int) -> list[str]:
    return [SAID[row.change], row.who(most), row.what(most), row.operated(), row.asked(most), row.why]


def _asked(found: Comparison) -> str:
    said = "nothing is decided differently" if found.empty else f"{counted(len(found.rows), 'difference')}"
    about = f"{counted(len(found.teams), 'team')} and {counted(len(found.targets), 'target')}"
    return f"{said}: {counted(found.asked, 'question')} asked about {about}"


def _names(names: Sequence[NameChange]) -> Iterator[str]:
    new = [one.name for one in names if not one.before]
    gone = [one.name for one in names if not one.after]
    for several, said in ((new, "new"), (gone, "gone")):
        if several:
            yield f"{'names that are' if len(several) > 1 else 'a name that is'} {said}: {few(several, COMMENT_WORDS)}"
    for one in names:
        if one.before and one.after:
            yield f"the name {one.name} leads to {', '.join(one.after)}; before: {', '.join(one.before)}"


def _markdown(found: Comparison, rows: Sequence[Described]) -> Iterator[str]:
    yield "### Policy changes"
    yield ""
    for line in (*rules_in_words(found.rules), *_names(found.names), _asked(found)):
        yield f"- {prose(line)}"
    for reason in found.left_out:
        yield f"- not looked at: {prose(reason)}"
    if rows:
        yield ""
        yield f"| {' | '.join(HEADINGS)} |"
        yield f"|{'---|' * len(HEADINGS)}"
        for row in rows:
            cells = [prose(cell) for cell in _cells(row, COMMENT_WORDS)]
            mark = f"**{cells[0]}**" if row.change == "loses" else cells[0]
            yield f"| {' | '.join([mark, *cells[1:]])} |"


def _as_json(found: Comparison, rows: Sequence[Described]) -> dict[str, Any]:
    return {
        "empty": found.empty,
        "rules": found.rules,
        "names": found.names,
        "changes": rows,
        "asked": found.asked,
        "left_out": found.left_out,
    }
