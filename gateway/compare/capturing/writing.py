"""Captured cases as lines of a cases.yaml, for people to read, to complete and to merge."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.compare.capturing.capturing import Captured
from gateway.compare.cases.document import SuiteFile
from gateway.stores.documents import DocumentError, parse_document

MAX_SHOWN = 160
HEAD = "# Asked by callers; say what the answers must be (`assert`) before these tell anything.\n"


class NotAppendable(ValueError):
    """The file is written in a way that is not added to here. Says what to do."""


def lines_of(cases: Sequence[Captured], indent: str = "  ") -> str:
    """Entries of `tests`."""
    return HEAD.replace("#", f"{indent}#", 1) + "".join(
        "".join(f"{indent}{line}\n" for line in _lines(case)) for case in cases
    )


def _lines(case: Captured) -> Iterator[str]:
    day = f"{datetime.fromtimestamp(case.at_ns / 1e9, UTC):%Y-%m-%d}"
    if case.answer:
        shown = "".join(one if one.isprintable() else " " for one in " ".join(case.answer.split()))
        yield f"# answered: {shown[:MAX_SHOWN]}{'…' if len(shown) > MAX_SHOWN else ''}"
    yield f"- description: captured {day}, version {case.version}"
    if case.variables:
        yield "  vars:"
        yield from (f"    {_text(name)}: {_text(value)}" for name, value in case.variables.items())
    if case.messages:
        yield "  messages:"
        yield from (f"    - {_text(message)}" for message in case.messages)
    source = f", source: {case.source}" if case.source else ""
    yield f"  metadata: {{captured: {_text(day)}{source}}}"
    yield "  tags: [captured]"


def _text(value: Any) -> str:
    """JSON, which is YAML; but for characters that JSON lets stand and YAML, or a terminal, does not."""
    text = msgspec.json.encode(value).decode()
    return text if text.isprintable() else "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)


def appended(name: str, before: bytes | None, cases: Sequence[Captured]) -> bytes:
    """The file with the cases at its end. `name`: of the file, for errors.

    Raises:
        NotAppendable: `tests` is not the last key, or not written as a list of lines; DocumentError: it was broken.
    """
    if before is None:
        return b"tests:\n" + lines_of(cases).encode()
    count = len(parse_document(before, name, SuiteFile).tests)
    stem = before if before.endswith(b"\n") else before + b"\n"
    for indent in ("  ", ""):
        after = stem + lines_of(cases, indent).encode()
        try:
            found = parse_document(after, name, SuiteFile)
        except DocumentError:
            continue
        if len(found.tests) == count + len(cases):
            return after
    raise NotAppendable(f"{name}: `tests` is not the list at the end of the file; put the cases there by hand")
