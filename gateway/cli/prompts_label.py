"""`gateway prompts label`: move a label. One that stands in prompt.yaml is moved there, every other in the database; a
running gateway follows within a second."""

import argparse
import difflib
import sys

from gateway.cli.arguments import Verbs, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json
from gateway.cli.prompt_places import CLOCK, Place, add_place, place_named, shown
from gateway.compare.cases.gates import gate_digest
from gateway.core.faults import BadRequest
from gateway.prompts.building import Entry
from gateway.prompts.labels.moves import Change, place_text
from gateway.prompts.labels.promoting import MOVED, Promoter, Request, check_target, judge, told
from gateway.prompts.pinning import move_pinned


def add_label(actions: Verbs) -> None:
    """Add `label` to the actions of the verb `prompts`."""
    summary = "move a label to a version, or to several by weight"
    parser = verb(
        actions, "label", summary, "gateway prompts label demo/summary production 2 --reason 'passed its tests'"
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("label", metavar="LABEL", help="production is what callers get who name none")
    parser.add_argument("to", type=place_named, metavar="VERSION", help="3; 2:90,3:10 for weights; none: take it away")
    parser.add_argument("--reason", default="", help="why; kept with the move and in the audit log")
    parser.add_argument("--force", action="store_true", help="past the label's gate; needs a --reason")
    add_place(parser, _label)


def _label(options: argparse.Namespace, place: Place) -> int:
    library = place.library(vouched=True)
    entry = library.entry(options.name)
    request = Request(
        label=options.label,
        after=options.to,
        actor=actor(),
        reason=options.reason,
        force=options.force,
        operator=True,
    )
    if options.label in entry.meta.pinned:
        change = _pinned(place, entry, request)
        report(options, change, f"in {entry.meta.file}")
        return 0
    known = list(library.positions(entry))
    with place.store() as store:
        made = Promoter(store, place.note, gate_digest).move(entry, request)
    report(options, made, "in the database")
    if made.label not in known and made.before is None and (like := difflib.get_close_matches(made.label, known, n=1)):
        print(f"note: `{made.label}` is a new label, beside `{like[0]}`; `none` takes it away", file=sys.stderr)
    return 0


def _pinned(place: Place, entry: Entry, request: Request) -> Change:
    if request.after is None:
        raise BadRequest(f"the label stands in {entry.meta.file}: take it out there", param="to")
    check_target(entry, request.label, request.after)
    before = entry.meta.pinned[request.label]
    run = ""
    if request.label in entry.meta.gates:
        with place.store() as store:
            run = judge(store, entry, request, before, gate_digest)
    change = Change(
        prompt=entry.meta.name,
        label=request.label,
        before=before,
        after=request.after,
        actor=request.actor,
        reason=request.reason,
        gate_run=run,
        forced=request.force and request.label in entry.meta.gates,
    )
    make_pinned(place, change, MOVED)
    return change


def make_pinned(place: Place, change: Change, action: str) -> None:
    """The move, in the file, and a line about it in the audit log."""
    move_pinned(place.root, change, CLOCK)
    place.note(change.actor, action, f"{change.prompt}@{change.label}", told(change))


def report(options: argparse.Namespace, made: Change, where: str) -> None:
    """Say where the label went."""
    if options.json:
        print_json(
            {
                "prompt": made.prompt,
                "label": made.label,
                "from": place_text(made.before),
                "to": place_text(made.after),
                "gate_run": made.gate_run,
                "rollback": made.rollback,
                "forced": made.forced,
            }
        )
    else:
        print(f"{made.prompt}@{made.label}: {shown(made.before)} -> {shown(made.after)}, {where}")
