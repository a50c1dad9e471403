"""`language`: texts in other languages than the allowed ones.

By py3langid (140 languages, a model of 4 MB in its wheel, numpy): 0.3 to 1 ms for a text, the slowest of the detectors,
and an extra of its own. lingua's wheel has 96 MB. Short texts have no language that could be told: they pass.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.extras import installing
from gateway.guard.detectors.matching import MissingExtra
from gateway.guard.words import Span

_MISSING = f"the detector `language` needs the extra `language`: {installing('language')}"
# Of a long text, so much of its beginning, its middle and its end.
_PART = 1000


class LanguageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    allowed: ISO 639-1 codes.
    min_letters: shorter texts are not judged; a letter of Chinese, Japanese or Korean counts as three.
    confidence: below which nothing is found, 0 to 1.
    """

    allowed: tuple[str, ...]
    min_letters: int = 24
    confidence: float = 0.9

    def __post_init__(self) -> None:
        if not self.allowed:
            raise ValueError("allowed is empty: no text would pass")
        if not 0 <= self.confidence <= 1:
            raise ValueError("confidence is 0 to 1")


class LanguageDetector:
    """The kind of its finding is the language's code.

    Raises:
        MissingExtra: py3langid is not installed. ValueError: a language that the model does not know.
    """

    name = "language"
    whole = True

    def __init__(self, options: LanguageOptions) -> None:
        try:
            from py3langid import langid
        except ImportError:
            raise MissingExtra(_MISSING) from None
        library: Any = langid
        self._model = library.LanguageIdentifier.from_model_file(library.MODEL_FILE, norm_probs=True)
        if unknown := [one for one in options.allowed if one not in self._model.labels]:
            raise ValueError(
                f"`{unknown[0]}` is no language that can be told; they are {', '.join(self._model.labels)}"
            )
        self._options = options

    def find(self, text: str) -> Sequence[Span]:
        sample = text
        if len(text) > 3 * _PART:
            middle = len(text) // 2
            sample = f"{text[:_PART]}\n{text[middle : middle + _PART]}\n{text[-_PART:]}"
        letters = sum(map(str.isalpha, sample)) + 2 * sum(
            "\u3040" <= one <= "\u9fff" or "\uac00" <= one <= "\ud7a3" for one in sample
        )
        if letters < self._options.min_letters:
            return ()
        language, score = self._model.classify(sample.encode("utf-8", "replace"))
        if language in self._options.allowed or score < self._options.confidence:
            return ()
        return (Span(0, len(text), language, round(score, 3)),)

    def open_from(self, text: str) -> int:  # noqa: ARG002
        return 0
