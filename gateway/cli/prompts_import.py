"""`gateway prompts import`: prompts that were kept elsewhere become files here, published."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gateway.cli.arguments import Verbs, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json, printable
from gateway.cli.prompt_places import CLOCK, Place, add_place
from gateway.prompts.building import Entry
from gateway.prompts.formats import IMPORTERS, ConversionError, Converted, File
from gateway.prompts.importing import Imported, planned, write_imported
from gateway.prompts.loading import read_library
from gateway.stores.documents import DocumentError, read_text


def add_import(actions: Verbs) -> None:
    """Add `import` to the actions of the verb `prompts`."""
    summary = "bring prompts of OpenAI, Langfuse, Prompty, promptfoo or MLflow over, and publish them"
    parser = verb(actions, "import", summary, "gateway prompts import --from openai exported/*.json --dry-run")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what was exported there, or copied")
    parser.add_argument("--from", dest="format", required=True, choices=list(IMPORTERS), help="where it comes from")
    parser.add_argument("--name", default="", help="of the prompt, if there is one only; default: its own")
    parser.add_argument("--into", metavar="DIR", help="the folder of prompts; default: prompts/ of the policies")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; say what would be, and what is lost")
    parser.add_argument("--by", default="", metavar="WHO", help="who publishes; default: who is at this terminal")
    add_place(parser, _import)


def _import(options: argparse.Namespace, place: Place) -> int:
    root = Path(options.into) if options.into else place.root
    files = [_read(path) for path in options.files]
    try:
        made = IMPORTERS[options.format](files, options.name, partial(_free, read_library(root).prompts))
    except ConversionError as error:
        return _refused(error)
    by = options.by or actor()
    done = planned(root, made) if options.dry_run else write_imported(root, made, by=by, clock=CLOCK)
    for one in done.published:
        place.note(by, "prompt.publish", f"{one.name}@{one.version}", {"digest": one.digest, "from": options.format})
    if options.json:
        print_json(_as_json(done, made))
    else:
        for line in _lines(done, made, root, options.dry_run):
            print(line)
    return 0


def _read(path: str) -> File:
    """Raises: DocumentError: it cannot be read, or is no text."""
    data = read_text(Path(path)).data
    try:
        return File(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DocumentError(path, 0, "is not UTF-8") from None


def _free(prompts: Mapping[str, Entry], name: str) -> int:
    """The number of a prompt's next version."""
    entry = prompts.get(name)
    return 1 if entry is None else entry.newest + 1


def _refused(error: ConversionError) -> int:
    print(f"error: {printable(error.source)} is not brought over; nothing was written", file=sys.stderr)
    for reason in error.reasons:
        print(f"  {printable(str(reason))}", file=sys.stderr)
    return 1


def _as_json(done: Imported, made: Converted) -> dict[str, Any]:
    return {
        "written": done.written,
        "same": done.same,
        "kept": done.kept,
        "published": [{"name": one.name, "version": one.version, "digest": one.digest} for one in done.published],
        "notes": [{"path": note.path, "what": note.what, "why": note.why} for note in made.notes],
    }


def _lines(done: Imported, made: Converted, root: Path, dry: bool) -> Iterator[str]:
    for title, paths in (("would write" if dry else "wrote", done.written), ("there already", done.same)):
        yield from (f"{title}: {printable(str(root / path))}" for path in paths)
    for path in done.kept:
        yield f"stays as it is: {printable(str(root / path))}; what it would have said:"
        yield from (f"  {line}" for line in made.files[path].splitlines())
    for one in done.published:
        yield f"published: {one.name}, version {one.version}"
    if made.notes:
        yield ""
        yield "what did not pass as it was:"
        yield from (f"  {printable(str(note))}" for note in made.notes)
    if done.published:
        name = done.published[-1].name
        yield ""
        yield f"look at it: gateway prompts show {name}; whether its models are here: gateway check"
