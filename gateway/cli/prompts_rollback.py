"""`gateway prompts rollback`: put a label where it stood before its last move."""

import argparse

from gateway.cli.arguments import Verbs, verb
from gateway.cli.keys import actor
from gateway.cli.prompt_places import Place, add_place
from gateway.cli.prompts_label import make_pinned, report
from gateway.compare.cases.gates import gate_digest
from gateway.prompts.labels.moves import Change
from gateway.prompts.labels.promoting import ROLLED_BACK, Promoter
from gateway.prompts.pinning import back_to


def add_rollback(actions: Verbs) -> None:
    """Add `rollback` to the actions of the verb `prompts`."""
    summary = "put a label where it stood before its last move; again, before the one before"
    parser = verb(
        actions, "rollback", summary, "gateway prompts rollback demo/summary production --reason 'incident 4711'"
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("label", metavar="LABEL")
    parser.add_argument("--reason", default="", help="why; kept with the move and in the audit log")
    add_place(parser, _rollback)


def _rollback(options: argparse.Namespace, place: Place) -> int:
    entry = place.library(vouched=True).entry(options.name)
    label = options.label
    if label in entry.meta.pinned:
        change = Change(
            prompt=entry.meta.name,
            label=label,
            before=entry.meta.pinned[label],
            after=back_to(entry, label),
            actor=actor(),
            reason=options.reason,
            rollback=True,
        )
        make_pinned(place, change, ROLLED_BACK)
        report(options, change, f"in {entry.meta.file}")
        return 0
    with place.store() as store:
        made = Promoter(store, place.note, gate_digest).rollback(entry, label, actor=actor(), reason=options.reason)
    report(options, made, "in the database")
    return 0
