"""A folder of declared files, read at once: so that what is checked, hashed and put in force are the same bytes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.stores.documents import DocumentError, Text, read_text


def read_folder(folder: Path, files: Sequence[str], folders: Sequence[str]) -> dict[str, Text]:
    """The files of these names that are there, and every `*.yaml` of the folders of these names, by relative path.

    Raises:
        DocumentError: one cannot be read, or a folder holds what is no such file: a rule that is left out because its
            file is called `.yml` could open a door.
    """
    found = {name: read_text(folder / name) for name in files if (folder / name).exists()}
    for name in folders:
        for path in _declared(folder / name):
            found[f"{name}/{path.name}"] = read_text(path)
    return found


def paths_of(folder: Path, files: Sequence[str], folders: Sequence[str]) -> list[Path]:
    """All that `read_folder` would look at, whatever it is; with the folders, for what comes and goes in them."""
    paths = [folder / name for name in files]
    for name in folders:
        paths += [folder / name, *sorted((folder / name).glob("*"))]
    return paths


def select(texts: Mapping[str, Text], first: str, folder: str) -> list[Text]:
    """One file, if it is there, and those of a folder."""
    return [text for name, text in texts.items() if name == first or name.startswith(f"{folder}/")]


def _declared(folder: Path) -> Iterator[Path]:
    if not os.path.lexists(folder):
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:  # a link that leads nowhere, say: what is not read there could be what denies
        raise DocumentError(str(folder), 0, f"cannot be read as a folder: {error.strerror or error}") from None
    for path in paths:
        if not path.name.isprintable():
            raise DocumentError(str(folder), 0, f"holds a file with an unprintable name, {path.name!a}")
        # Those with a dot are an editor's, or half of a file that is being replaced.
        if path.name.startswith(".") or (path.name.startswith("README") and path.suffix != ".yaml"):
            continue
        if path.suffix != ".yaml" or path.is_dir():
            raise DocumentError(str(path), 0, "is not a .yaml file, and nothing else may stand here")
        yield path
