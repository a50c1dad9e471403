"""A folder of declared files, read at once: so that what is checked, hashed and put in force are the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.stores.documents import DocumentError, Text, read_text

# What may stand beside declared files without being one.
_BESIDE = ("README", ".")


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
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_BESIDE):
            continue
        if path.suffix != ".yaml" or path.is_dir():
            raise DocumentError(str(path), 0, "is not a .yaml file, and nothing else may stand here")
        yield path
