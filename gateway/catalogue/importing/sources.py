"""Where a draft card can come from: a folder, a GGUF file, or a model of the Hugging Face Hub."""

import re
from pathlib import Path

import msgspec

from gateway.catalogue.cards import Name
from gateway.catalogue.importing.facts import Facts, ImportingError, clean
from gateway.catalogue.importing.files import read_gguf_facts
from gateway.catalogue.importing.folder import add_file, read_folder
from gateway.catalogue.importing.hub import read_hub
from gateway.catalogue.importing.writing import Draft


def draft_card(source: str, name: str = "") -> Draft:
    """A draft of a card. `source`: a folder, a `.gguf` file, or `hf://owner/name[@revision]`. `name`: of the card.

    Raises:
        ImportingError: the source is not there, cannot be read, or the name is none.
    """
    facts = Facts()
    try:
        if source.startswith("hf://"):
            called = read_hub(facts, source)
        elif Path(source).is_dir():
            called = read_folder(facts, Path(source))
        elif Path(source).is_file():
            called = _read_file(facts, Path(source))
        else:
            raise ImportingError(f"there is no file or folder {source}; a model of the Hub is `hf://owner/name`")
    except OSError as error:
        raise ImportingError(f"{error.filename or source} cannot be read: {error.strerror or error}") from None
    try:
        name = msgspec.convert(name or _slug(called), Name)
    except msgspec.ValidationError:
        raise ImportingError(f"`{clean(name)}` is no name for a card: letters, digits and ._:/@- (up to 128)") from None
    if called and called != name:
        facts.put("title", called)
    origin = source if source.startswith("hf://") else Path(source).resolve().name
    return Draft(facts.card(name), facts.remarks, clean(origin))


def _read_file(facts: Facts, path: Path) -> str:
    try:
        called = read_gguf_facts(facts, path)
    except ValueError as error:
        raise ImportingError(f"{path} {error}") from None
    add_file(facts, path, path.name)
    return called or path.stem


def _slug(called: str) -> str:
    """A name as callers like to type it."""
    return re.sub(r"[^a-z0-9._-]+", "-", called.lower()).strip("-._")[:128] or "model"
