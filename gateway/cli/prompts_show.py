"""`gateway prompts show`: one prompt with its versions and labels, or one version's text."""

import argparse
import sys

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.cli.prompt_places import Place, add_place, named
from gateway.cli.prompts_list import as_json
from gateway.prompts.building import Entry
from gateway.prompts.library import Library


def add_show(actions: Verbs) -> None:
    """Add `show` to the actions of the verb `prompts`."""
    summary = "show a prompt's versions and labels; with @ and a label, a version or a digest, the text of that one"
    parser = verb(actions, "show", summary, "gateway prompts show demo/summary@production")
    parser.add_argument("name", metavar="NAME[@X]", help="X: production, 3, v3, sha256:…, latest or draft")
    add_place(parser, _show)


def _show(options: argparse.Namespace, place: Place) -> int:
    library = place.library()
    name, wanted = named(options.name)
    entry = library.entry(name)
    if wanted:
        return _text(options, library, name, wanted)
    for version in entry.all_versions():
        version.verify()
    if options.json:
        print_json(as_json(library, entry))
    else:
        _print(library, entry)
    return 0


def _text(options: argparse.Namespace, library: Library, name: str, wanted: str) -> int:
    found = library.resolve(name, wanted, drafts=True)
    prompt = found.prompt
    if options.json:
        told = {"name": found.name, "version": found.version, "digest": found.digest, "label": found.label}
        print_json({**told, "source": prompt.source, "partials": prompt.partials})
        return 0
    sys.stdout.write(prompt.source if prompt.source.endswith("\n") else f"{prompt.source}\n")
    return 0


def _print(library: Library, entry: Entry) -> None:
    meta = entry.meta
    facts = {
        "owner": meta.owner,
        "description": meta.description,
        "tags": ", ".join(meta.tags),
        "aliases": ", ".join(meta.aliases),
        "draft": _draft(entry),
    }
    print(meta.name)
    for name, value in facts.items():
        if value:
            print(f"  {name}: {printable(value)}")
    positions = library.positions(entry)
    if positions:
        print()
        kept = {label: "prompt.yaml" if label in meta.pinned else "database" for label in positions}
        gates = {label: gate.suite for label, gate in meta.gates.items()}
        rows = [[label, str(at), kept[label], gates.get(label, "")] for label, at in positions.items()]
        print_table(["label", "stands on", "kept in", "gate"], rows)
    if entry.versions:
        print()
        print_table(["version", "digest", "published", "by", "message"], _versions(entry))


def _draft(entry: Entry) -> str:
    if entry.draft is None:
        return ""
    return "draft.prompt" if entry.draft.problem is None else f"WRONG: {entry.draft.problem}"


def _versions(entry: Entry) -> list[list[str]]:
    rows: list[list[str]] = []
    for number, one in sorted(entry.versions.items(), reverse=True):
        lock = entry.lock[number]
        said = lock.message if one.problem is None else f"REFUSED: {one.problem.reason}"
        rows.append([str(number), lock.digest[:19], lock.at, printable(lock.by), printable(said)])
    return rows
