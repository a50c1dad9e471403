"""`gateway prompts history`: every move of a prompt's labels, in its file and in the database."""

import argparse
from typing import Any

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.cli.prompt_places import Place, add_place
from gateway.core.days import written
from gateway.prompts.building import Entry
from gateway.prompts.document import FileMove
from gateway.prompts.labels.moves import Move, place_text
from gateway.prompts.metadata import placed


def add_history(actions: Verbs) -> None:
    """Add `history` to the actions of the verb `prompts`."""
    summary = "list the moves of a prompt's labels, newest first: when, by whom, why, and what let them through"
    parser = verb(actions, "history", summary, "gateway prompts history demo/summary production")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("label", nargs="?", default="", metavar="LABEL", help="default: all of them")
    add_place(parser, _history)


def _history(options: argparse.Namespace, place: Place) -> int:
    entry = place.library().entry(options.name)
    found = [_of_file(one) for one in entry.meta.history if options.label in ("", one.label)]
    found += _of_database(place, entry, options.label)
    found.sort(key=lambda one: one["at"])
    found.reverse()  # and not sorted in reverse: of one second, too, the last comes first
    if options.json:
        print_json(found)
    elif found:
        headings = ["at", "label", "from", "to", "by", "kept in", "how", "gate run", "reason"]
        print_table(headings, [[printable(str(one[name])) for name in _COLUMNS] for one in found])
    else:
        print(f"no label of {entry.meta.name} was ever moved")
    return 0


_COLUMNS = ("at", "label", "from", "to", "by", "kept_in", "how", "gate_run", "reason")


def _of_database(place: Place, entry: Entry, label: str) -> list[dict[str, Any]]:
    if place.settings is None:
        return []
    labels = place.settings.labels
    if labels.options.url is None and not labels.file.exists():
        return []
    with place.store() as store:
        return [_of_store(one) for one in store.all_moves(entry.meta.name, label)]


def _of_store(move: Move) -> dict[str, Any]:
    at = written(move.at_ns / 1e9)
    how = "rollback" if move.rollback else "forced" if move.forced else ""
    told = {"at": at, "label": move.label, "from": place_text(move.before), "to": place_text(move.after)}
    return {
        **told,
        "by": move.actor,
        "kept_in": "database",
        "how": how,
        "gate_run": move.gate_run,
        "reason": move.reason,
    }


def _of_file(move: FileMove) -> dict[str, Any]:
    before = None if move.from_ is None else placed(move.from_)
    after = None if move.to is None else placed(move.to)
    told = {"at": move.at, "label": move.label, "from": place_text(before), "to": place_text(after), "by": move.by}
    how = "rollback" if move.rollback else "forced" if move.forced else ""
    return {**told, "kept_in": "prompt.yaml", "how": how, "gate_run": move.gate_run, "reason": move.reason}
