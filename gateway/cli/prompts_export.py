"""`gateway prompts export`: a prompt for tools that do not read `.prompt` files."""

import argparse
import sys
from pathlib import Path

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json, printable
from gateway.cli.prompt_places import Place, add_place, named
from gateway.prompts.building import Entry
from gateway.prompts.formats import EXPORTERS, ConversionError, Exported
from gateway.prompts.library import Library


def add_export(actions: Verbs) -> None:
    """Add `export` to the actions of the verb `prompts`."""
    summary = "write a prompt as Prompty, Langfuse or OpenAI have it"
    parser = verb(actions, "export", summary, "gateway prompts export demo/summary@production --to prompty")
    parser.add_argument("name", metavar="NAME[@X]", help="X: default production; 3, v3, sha256:…, latest or draft")
    parser.add_argument("--to", dest="format", required=True, choices=list(EXPORTERS), help="for whom")
    parser.add_argument("--all", action="store_true", help="all published versions, instead of one")
    parser.add_argument("--output", metavar="DIR", help="a folder for the files; default: standard output")
    add_place(parser, _export)


def _export(options: argparse.Namespace, place: Place) -> int:
    library = place.library()
    name, wanted = named(options.name)
    entry = library.entry(name)
    try:
        made = EXPORTERS[options.format](_exported(library, entry, wanted, options.all))
    except ConversionError as error:
        print(f"error: {error.source} cannot be said there; nothing was written", file=sys.stderr)
        for reason in error.reasons:
            print(f"  {printable(str(reason))}", file=sys.stderr)
        return 1
    if options.json:
        notes = [{"path": note.path, "what": note.what, "why": note.why} for note in made.notes]
        print_json({"files": made.files, "notes": notes})
        return 0
    for path, text in made.files.items():
        if options.output is None:
            sys.stdout.write(text)
            continue
        file = Path(options.output) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"wrote: {file}")
    for note in made.notes:
        print(f"note: {printable(str(note))}", file=sys.stderr)
    return 0


def _exported(library: Library, entry: Entry, wanted: str, all_versions: bool) -> Exported:
    """Raises: UnknownVersion, UnusablePrompt: what is asked for is not there, or cannot be used."""
    name = entry.meta.name
    if all_versions:
        versions = {number: one.prompt() for number, one in entry.versions.items()}
    else:
        found = library.resolve(name, wanted, drafts=True)
        versions = {found.version or entry.newest + 1: found.prompt}
    positions = library.positions(entry)
    return Exported(
        name=name,
        versions=versions,
        messages={number: entry.lock[number].message for number in versions if number in entry.lock},
        labels={label: at.versions[0] for label, at in positions.items() if len(at.versions) == 1},
        tags=entry.meta.tags,
        aliases=entry.meta.aliases,
    )
