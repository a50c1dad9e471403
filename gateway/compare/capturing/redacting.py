"""Secrets and personal data taken out of what was said, before it goes anywhere."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from gateway.guard.detectors import DETECTORS, MissingExtra
from gateway.guard.vault import Vault
from gateway.guard.words import Detector, Span

T = TypeVar("T")
WANTED = ("secrets", "personal_data")


class Redactor:
    """One for each case: within it the same value has the same token, such as `<EMAIL_1>`.

    Raises:
        MissingExtra: what looks for secrets and personal data is not installed; nothing is given out unlooked.
    """

    def __init__(self, detectors: tuple[Detector, ...]) -> None:
        self._detectors = detectors
        self._vault = Vault()
        self.found = 0

    def redacted(self, value: T) -> T:
        """The value with every text in it looked through."""
        return cast(T, self._redacted(value))

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {name: self._redacted(one) for name, one in cast(Mapping[str, Any], value).items()}
        if isinstance(value, list | tuple):
            return [self._redacted(one) for one in cast(list[Any], value)]
        return value

    def _text(self, text: str) -> str:
        self._vault.avoid([text])
        spans = sorted(span for detector in self._detectors for span in detector.find(text) if span.end > span.start)
        pieces: list[str] = []
        at = 0
        for span in _joined(spans):
            pieces += [text[at : span.start], self._vault.token(span.kind, text[span.start : span.end])]
            at = span.end
            self.found += 1
        return "".join([*pieces, text[at:]])


def detectors() -> tuple[Detector, ...]:
    """Raises:
    MissingExtra: they are not installed.
    """
    return tuple(DETECTORS[name].build(DETECTORS[name].options()) for name in WANTED)


def _joined(spans: list[Span]) -> list[Span]:
    """None overlapping another: what is to go stays gone, whatever else is there."""
    found: list[Span] = []
    for span in spans:
        if found and span.start < found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end), found[-1].kind)
        else:
            found.append(span)
    return found


__all__ = ["MissingExtra", "Redactor", "detectors"]
