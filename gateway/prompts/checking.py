"""Everything that is wrong with the prompts of a folder: every version is compiled, and words are looked up."""

from collections.abc import Collection, Iterator
from pathlib import Path

from gateway.prompts.building import Entry
from gateway.prompts.document import PromptFile
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.versions import Problem, line_of
from gateway.prompts.vouching import Vouch
from gateway.stores.documents import DocumentError, Known, Text, check_known, load_document
from gateway.stores.wording import nearest


def prompt_problems(
    root: Path, known: Known | None = None, models: Collection[str] | None = None, vouch: Vouch | None = None
) -> list[Problem]:
    """What is wrong, by file and line.

    Args:
        known: the tenants and teams there are. models: names that callers may use; None: not known here.
        vouch: as `read_library`.
    """
    library = read_library(root, vouch=vouch)
    for version in library.unverified():
        version.verify()
    found = [*library.problems, *_unknown(library, known or {})]
    if models is not None:
        found += [one for entry in library.prompts.values() for one in _unknown_models(entry, models)]
    return sorted(found, key=lambda one: (one.file, one.line, one.reason))


def _unknown(library: Library, known: Known) -> Iterator[Problem]:
    """Tenants and teams that nobody declares: who is left out by a slip of the pen finds out late."""
    for name, entry in library.prompts.items():
        if not entry.meta.file:
            continue
        document = load_document(Text(entry.meta.file, entry.meta.data), PromptFile)
        try:
            check_known(document, (), document.value, known)
        except DocumentError as error:
            yield Problem(file=error.file, line=error.line, reason=error.reason, prompt=name)


def _unknown_models(entry: Entry, models: Collection[str]) -> Iterator[Problem]:
    """Of versions that somebody may get today: those of labels in the file, the newest, and the draft."""
    numbers = {number for position in entry.meta.pinned.values() for number in position.versions}
    for version in entry.all_versions():
        if version.number not in {*numbers, entry.newest, 0} or version.verify() is not None:
            continue
        model = version.prompt().model
        if model is not None and model not in models:
            reason = f"there is no model `{model}` here{nearest(model, sorted(models))}"
            yield Problem(
                file=version.file,
                line=line_of(version.data, "model"),
                reason=reason,
                prompt=version.name,
                version=version.number,
            )
