"""Does a file hold code that loading it would run? Looked for in its content; a name alone only ever adds suspicion.

A pickle is a program: `torch.load`, `joblib.load` and `numpy.load` run it. It comes bare, in zip archives (what PyTorch
writes today), in tar archives (what it wrote once), compressed (joblib), and as numpy's arrays of objects. Keras keeps
Python's byte code in Lambda layers, TensorFlow's graphs may read and write files, and a shared library is what it is.
"""

import bz2
import io
import lzma
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

# Enough of a file to see what it is. Pickles tell which functions they call near their beginning or not at all.
HEAD = 256 * 1024
PIECE = 4 * 1024 * 1024
NEAR = 4096
MAX_MEMBERS = 20_000
MAX_UNPACKED = 256 * 1024 * 1024
MAX_JSON = 64 * 1024 * 1024
MAX_OPCODES = 200_000
# By these names loaders take a file for a pickle, whatever it holds.
PICKLE_SUFFIXES = frozenset({".bin", ".ckpt", ".dill", ".joblib", ".nemo", ".pickle", ".pkl", ".pt", ".pth"})
_SAFE_BEGINNINGS = (b"GGUF",)
_MACHINE_CODE: Mapping[bytes, str] = {
    b"\x7fELF": "a program or library (ELF)",
    b"MZ": "a program or library (PE)",
    b"\xcf\xfa\xed\xfe": "a program or library (Mach-O)",
    b"\xca\xfe\xba\xbe": "a program or library (Mach-O, Java)",
}
# What unpacking raises for archives that are damaged, encrypted, or packed in ways unknown here.
_BROKEN_ARCHIVES = (
    *(zipfile.BadZipFile, tarfile.TarError, RuntimeError, OSError, EOFError, ValueError),
    *(zlib.error, lzma.LZMAError),
)
_NAMES = frozenset({"GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
_CALLS = frozenset({"INST", "REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX"})
_IMPORTED = re.compile(r"[\w.]+( [\w.]+)?")
_LAMBDA = re.compile(rb'"class_name"\s*:\s*"(Lambda|TFOpLambda)"')
_GRAPH_FILES = re.compile(rb"\b(ReadFile|WriteFile|PyFunc|EagerPyFunc|MatchingFiles|SaveV2Slices)\b")


def pickled(path: Path) -> str:
    """What makes the file a pickle, or a container of one; empty if nothing does."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        found = _pickled_head(head) or _compressed(head)
        if not found and zipfile.is_zipfile(file):
            found = _in_zip(file, strict=head.startswith(b"PK"))
        if not found and head[257:262] == b"ustar":
            found = _in_tar(file)
    if not found and path.suffix.lower() in PICKLE_SUFFIXES and not head.startswith(_SAFE_BEGINNINGS):
        return f"loaders take a `{path.suffix}` file for a pickle"
    return found


def executing(path: Path) -> str:
    """What else than a pickle would run in it; empty if nothing does."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        for magic, what in _MACHINE_CODE.items():
            if head.startswith(magic):
                return f"is {what}"
        if head.startswith(b"\x89HDF\r\n\x1a\n") and _holds(file, _LAMBDA):
            return "holds a Keras Lambda layer, which is Python code"
        if head.startswith(b"PK") and zipfile.is_zipfile(file):
            return _lambda_in_zip(file)
        if path.suffix == ".pb" and (graph := _holds(file, _GRAPH_FILES)):
            return f"holds a TensorFlow graph with the operation {graph}"
    return ""


def _pickled_head(head: bytes) -> str:
    if head.startswith(b"\x93NUMPY"):
        return "is an array of Python objects (numpy), which are pickled" if b"|O" in head[:4096] else ""
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "is a pickle"
    return _called(head)


def _called(head: bytes) -> str:
    """Protocols 0 and 1 have no mark, and a text may be read as opcodes for a while. What would call something before
    it trips up is a pickle: loaders run what comes first, whatever comes later."""
    depth = 0
    marks: list[int] = []
    name = ""
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(head)):
            before, after = opcode.stack_before, opcode.stack_after
            if pickletools.markobject in before:
                depth = marks.pop()  # IndexError: no mark, so a loader ends here too
            else:
                depth -= len(before)
            if depth < (marks[-1] if marks else 0) or opcode.name == "STOP" or count > MAX_OPCODES:
                return ""
            if pickletools.markobject in after:
                marks.append(depth)
            else:
                depth += len(after)
            if opcode.name in _NAMES:
                name = str(argument or "something")
            if opcode.name in _CALLS and _IMPORTED.fullmatch(name):
                return f"is a pickle that calls {name[:100]}"
    except (ValueError, ArithmeticError, LookupError, EOFError, AttributeError):
        return ""
    return ""


def _compressed(head: bytes) -> str:
    """joblib's ways: zlib, gzip, bzip2, xz."""
    openers: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
        (b"\x1f\x8b", lambda data: zlib.decompressobj(31).decompress(data, HEAD)),
        (b"\x78", lambda data: zlib.decompressobj().decompress(data, HEAD)),
        (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data, HEAD)),
        (b"\xfd7zXZ\x00", lambda data: lzma.LZMADecompressor(memlimit=1 << 28).decompress(data, HEAD)),
    )
    for magic, decompress in openers:
        if head.startswith(magic):
            try:
                inner = decompress(head)
            except (zlib.error, lzma.LZMAError, OSError, ValueError):
                return ""
            return f"compressed, it {found}" if (found := _pickled_head(inner)) else ""
    return ""


def _in_zip(file: BinaryIO, strict: bool) -> str:
    """`strict`: one that cannot be opened here, but perhaps elsewhere, is taken for what it may be."""
    budget = MAX_UNPACKED
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith((".pkl", ".pickle")):
                    return f"is an archive that holds the pickle {member.filename[:100]}"
                if budget <= 0:
                    return f"is an archive of more than {MAX_UNPACKED} bytes in small files"
                with archive.open(member) as inner:
                    begin = inner.read(HEAD if member.file_size < HEAD else NEAR)
                budget -= len(begin)
                if found := _pickled_head(begin):
                    return f"is an archive whose {member.filename[:100]} {found}"
    except _BROKEN_ARCHIVES:
        return "is an archive that cannot be read to its end" if strict else ""
    return ""


def _in_tar(file: BinaryIO) -> str:
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for _, member in zip(range(MAX_MEMBERS), archive, strict=False):
                inner = archive.extractfile(member) if member.isfile() else None
                begin = inner.read(HEAD) if inner is not None else b""
                found = _pickled_head(begin) or (_in_zip(io.BytesIO(begin), False) if begin.startswith(b"PK") else "")
                if found or member.name.endswith((".pkl", ".pickle", ".ckpt")):
                    return f"is an archive whose {member.name[:100]} {found or 'is a pickle'}"
    except _BROKEN_ARCHIVES:
        return "is an archive that cannot be read to its end"
    return ""


def _lambda_in_zip(file: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            if "config.json" in archive.namelist() and archive.getinfo("config.json").file_size <= MAX_JSON:
                with archive.open("config.json") as config:
                    if _LAMBDA.search(config.read(MAX_JSON)):
                        return "holds a Keras Lambda layer, which is Python code"
    except _BROKEN_ARCHIVES:
        return "is an archive that cannot be read to its end"
    return ""


def _holds(file: BinaryIO, pattern: re.Pattern[bytes]) -> str:
    """What the pattern finds in the whole file, read in pieces that overlap."""
    file.seek(0)
    rest = b""
    while piece := file.read(PIECE):
        if found := pattern.search(rest + piece):
            return (found[1] if found.groups() else found[0]).decode(errors="replace")
        rest = piece[-256:]
    return ""
