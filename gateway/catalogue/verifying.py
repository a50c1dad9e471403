"""Are the files in a folder the ones that a card describes, and safe to load?"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from gateway.catalogue.cards import Card
from gateway.catalogue.formats.executing import PICKLE_SUFFIXES, executing, pickled
from gateway.catalogue.formats.gguf import read_gguf
from gateway.catalogue.formats.safetensors import read_safetensors
from gateway.catalogue.signatures import signature_problem

# Names of files that hold weights; everything else beside them is small print.
WEIGHT_SUFFIXES = PICKLE_SUFFIXES | {
    *(".ggml", ".gguf", ".h5", ".hdf5", ".keras", ".llamafile", ".mlmodel", ".msgpack", ".npy", ".npz", ".onnx"),
    *(".ot", ".params", ".pb", ".pte", ".safetensors", ".t7", ".tflite", ".torch", ".weights"),
}
_NOT_THE_MODELS = frozenset({".git", ".cache"})
_NAMES_CODE = "names Python code to run (`auto_map`, `trust_remote_code`), or cannot be read to see that it does not"
MAX_CONFIG = 16 * 1024 * 1024

Kind = Literal["missing", "differs", "unlisted", "pickle", "executes", "malformed", "signature", "unpinned"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: relative to the folder, empty for the model as a whole. `accepted`: told, but no reason to refuse."""

    kind: Kind
    path: str
    reason: str
    accepted: bool = False


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """`checked`: files whose digests are right."""

    checked: int
    findings: tuple[Finding, ...] = ()

    @property
    def good(self) -> bool:
        return all(finding.accepted for finding in self.findings)


def verify(card: Card, folder: Path, allow_pickle: bool = False, trusted: Path = Path()) -> Verified:
    """Look at every file of a model: digests, formats that run code, heads that do not fit, the signature.

    Args:
        folder: of the model, or the one of its files that is served.
        allow_pickle: pickles are told, and accepted, as is what the card itself accepts (`executes_code`).
        trusted: what the paths of keys and certificates on the card are relative to. Never the model's own folder.
    """
    root = folder.parent if folder.is_file() else folder
    present = {folder.name: folder} if folder.is_file() else dict(_files(folder))
    listed = {entry.path: entry.sha256 for entry in card.provenance.files}
    if not listed:
        reason = "the card lists no files, so nothing says which weights these should be"
        findings = [Finding(kind="unpinned", path="", reason=reason)]
        wrong = 0
    elif folder.is_file():
        findings = _file_findings(folder, listed)
        wrong = len(listed) - 1 + len(findings)
    else:
        digests = [one for path, digest in listed.items() if (one := _digest_finding(path, digest, present))]
        findings = [*_unlisted(present, listed), *digests]
        wrong = len(digests)
    accepted = _accepted(card, folder)
    for path, file in present.items():
        findings += _content_findings(path, file, path in accepted, allow_pickle)
    findings += _remote_code(present)
    if card.provenance.signature is not None:
        weights = [path for path in present if _weights(path)]
        if reason := signature_problem(card.provenance.signature, root, trusted, weights):
            findings.append(Finding(kind="signature", path=card.provenance.signature.bundle, reason=reason))
    return Verified(checked=len(listed) - wrong, findings=tuple(findings))


def _accepted(card: Card, folder: Path) -> set[str]:
    """Files that may run code, as the card accepts: for the very bytes it lists; altered ones are told besides."""
    found = {one.path: one.sha256 for one in card.provenance.files if one.executes_code}
    if found and folder.is_file():
        return {folder.name} if sha256_of(folder) in found.values() else set()
    return set(found)


def sha256_of(file: Path) -> str:
    """Read in pieces, so that a file may be larger than memory."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def model_files(folder: Path) -> list[str]:
    """The weights in a folder, as paths relative to it, sorted."""
    return sorted(path for path, _ in _files(folder) if _weights(path))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Links to files are followed (the Hub's cache is made of them), links to folders are not."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_THE_MODELS)
        for name in sorted(names):
            file = Path(at) / name
            if file.is_file():
                yield file.relative_to(folder).as_posix(), file


def _weights(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in WEIGHT_SUFFIXES


def _unlisted(present: Mapping[str, Path], listed: Mapping[str, str]) -> Iterator[Finding]:
    for path in present:
        if path not in listed and _weights(path):
            yield Finding(kind="unlisted", path=path, reason="is not among the files of the card")


def _file_findings(file: Path, listed: Mapping[str, str]) -> list[Finding]:
    """A file by itself may have any name: weights that the gateway fetched are named after their digest."""
    found = sha256_of(file)
    if found in listed.values():
        return []
    return [Finding(kind="differs", path=file.name, reason=f"sha256 is {found}, which no file of the card has")]


def _digest_finding(path: str, digest: str, present: Mapping[str, Path]) -> Finding | None:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return Finding(kind="missing", path=path, reason="is no path within the model's folder")
    if path not in present:
        return Finding(kind="missing", path=path, reason="is not there")
    try:
        found = sha256_of(present[path])
    except OSError as error:
        return Finding(kind="missing", path=path, reason=f"cannot be read: {error.strerror or error}")
    if found != digest:
        return Finding(kind="differs", path=path, reason=f"sha256 is {found}, the card says {digest}")
    return None


def _content_findings(path: str, file: Path, accepted: bool, allow_pickle: bool) -> Iterator[Finding]:
    try:
        if reason := pickled(file):
            yield Finding(
                kind="pickle", path=path, reason=f"{reason}: loading it runs code", accepted=accepted or allow_pickle
            )
        elif reason := executing(file):
            yield Finding(kind="executes", path=path, reason=reason, accepted=accepted)
        elif file.suffix.lower() == ".gguf":
            read_gguf(file)
        elif file.suffix.lower() == ".safetensors":
            read_safetensors(file)
    except ValueError as error:
        yield Finding(kind="malformed", path=path, reason=str(error))
    except OSError as error:
        yield Finding(kind="missing", path=path, reason=f"cannot be read: {error.strerror or error}")


def _remote_code(present: Mapping[str, Path]) -> Iterator[Finding]:
    """`auto_map` in config.json names Python files that transformers runs when told to trust remote code."""
    naming = [path for path, file in present.items() if path.endswith("config.json") and names_code(file)]
    for path in naming:
        yield Finding(kind="executes", path=path, reason=_NAMES_CODE)
    for path in present:
        if path.endswith((".py", ".pyc")):
            reason = "is Python code beside the weights"
            yield Finding(kind="executes", path=path, reason=reason, accepted=not naming)


def names_code(config: Path) -> bool:
    """Whether a JSON file has `auto_map`, `custom_pipelines` or `trust_remote_code` at its top level, or cannot be read
    here: Python reads more, such as `NaN`."""
    if config.stat().st_size > MAX_CONFIG:
        return True
    try:
        content = msgspec.json.decode(config.read_bytes(), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True
    trusting = bytes(content.get("trust_remote_code", b"false")) == b"true"
    return trusting or bool({"auto_map", "custom_pipelines"} & set(content))
