"""Detectors to test guards with: what they find is written in the text itself."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from gateway.dialects.openai.body import read_json
from gateway.guard.clean_texts import CleanTexts
from gateway.guard.detectors import Built
from gateway.guard.document import Guard
from gateway.guard.long_texts import LongTexts
from gateway.guard.looking import Hit
from gateway.guard.requests import RequestTexts
from gateway.guard.rules import Rule
from gateway.guard.words import Detector, Span


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detector's options: none."""


class Sure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    least: int = 1


class Addresses:
    """Words with an @ in them; open is a last word that may still get one, or go on."""

    name = "addresses"
    whole = False

    def __init__(self, options: object = None) -> None:
        pass

    def find(self, text: str) -> Sequence[Span]:
        return [Span(*found.span(), "email") for found in re.finditer(r"\b[a-z.]+@[a-z.]+\b", text)]

    def open_from(self, text: str) -> int:
        found = re.search(r"[a-z.]*(?:@[a-z.]*)?\Z", text)
        return found.start() if found else len(text)


class Secrets:
    """`key-` and six digits, and no more."""

    name = "secrets"
    whole = False

    def __init__(self, options: object = None) -> None:
        pass

    def find(self, text: str) -> Sequence[Span]:
        return [Span(*found.span(), "api key") for found in re.finditer(r"(?<!\w)key-\d{6}(?!\d)", text)]

    def open_from(self, text: str) -> int:
        found = re.search(r"(?:k|ke|key|key-\d{0,6})\Z", text)
        return found.start() if found else len(text)


class Shouting:
    """Judges a text as a whole: more capitals than small letters."""

    name = "shouting"
    whole = True

    def __init__(self, options: Sure | None = None) -> None:
        self._least = options.least if options else 1

    def find(self, text: str) -> Sequence[Span]:
        loud = sum(map(str.isupper, text))
        return [Span(0, len(text), "shouting")] if loud >= self._least and loud > len(text) / 2 else []

    def open_from(self, text: str) -> int:
        return 0


DOUBLES: Mapping[str, Built] = {
    "addresses": Built(Nothing, Addresses),
    "secrets": Built(Nothing, Secrets),
    "shouting": Built(Sure, Shouting),
}


def rule(*detectors: Detector, **fields: Any) -> Rule:
    """A guard that looks with these."""
    made = {"id": "g", "on": ("input", "output"), "detect": (), "action": "redact", **fields}
    quick = tuple(one for one in detectors if not one.whole)
    return Rule(Guard(**made), quick, tuple(one for one in detectors if one.whole))


def texts_of(fields: Mapping[str, object]) -> RequestTexts:
    """Of a request with these fields."""
    return RequestTexts(read_json(msgspec.json.encode(fields)))


def look(
    texts: RequestTexts,
    rules: tuple[Rule, ...],
    note: Callable[[list[Hit]], None] = lambda _: None,
    clean: CleanTexts | None = None,
    long: LongTexts | None = None,
) -> Coroutine[Any, Any, list[list[Hit]]]:
    """What is found in those of the texts that are not known to be clean."""
    return texts.look(texts.unknown(clean), rules, note, clean, long or LongTexts())


def looked_at(
    texts: RequestTexts,
    rules: tuple[Rule, ...],
    note: Callable[[list[Hit]], None] = lambda _: None,
    clean: CleanTexts | None = None,
) -> list[list[Hit]]:
    """The same in short texts: nobody else gets a turn."""
    try:
        look(texts, rules, note, clean).send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("somebody else got a turn")
