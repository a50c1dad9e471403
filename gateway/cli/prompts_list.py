"""`gateway prompts list`: what prompts there are, and where their labels stand."""

import argparse
from typing import Any

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.cli.prompt_places import Place, add_place
from gateway.prompts.building import Entry
from gateway.prompts.library import Library


def add_list(actions: Verbs) -> None:
    """Add `list` to the actions of the verb `prompts`."""
    parser = verb(actions, "list", "show all prompts and where their labels stand", "gateway prompts list")
    add_place(parser, _list)


def _list(options: argparse.Namespace, place: Place) -> int:
    library = place.library()
    entries = sorted(library.prompts.values(), key=lambda entry: entry.meta.name)
    if options.json:
        print_json([as_json(library, entry) for entry in entries])
    elif entries:
        rows = [_row(library, entry) for entry in entries]
        print_table(["prompt", "versions", "draft", "labels", "owner", "description"], rows)
    else:
        print(f"there are no prompts in {place.root}")
    return 0


def as_json(library: Library, entry: Entry) -> dict[str, Any]:
    """A prompt without its versions' texts."""
    meta = entry.meta
    return {
        "name": meta.name,
        "owner": meta.owner,
        "description": meta.description,
        "tags": meta.tags,
        "aliases": meta.aliases,
        "versions": [
            {
                "version": number,
                "digest": one.digest,
                "at": one.lock.at if one.lock else "",
                "by": one.lock.by if one.lock else "",
                "message": one.lock.message if one.lock else "",
                "usable": one.problem is None,
            }
            for number, one in entry.versions.items()
        ],
        "draft": entry.draft is not None,
        "labels": {
            label: {
                "versions": dict(position.weights),
                "in": "prompt.yaml" if label in meta.pinned else "database",
                "gate": label in meta.gates,
            }
            for label, position in library.positions(entry).items()
        },
    }


def _row(library: Library, entry: Entry) -> list[str]:
    labels = ", ".join(f"{label}: {position}" for label, position in library.positions(entry).items())
    meta = entry.meta
    return [
        meta.name,
        str(len(entry.versions)),
        "yes" if entry.draft is not None else "",
        labels,
        printable(meta.owner),
        printable(meta.description),
    ]
