"""Names of people, by Presidio (https://microsoft.github.io/presidio) and a model of spaCy.

There is no extra for it: the models are not on PyPI, so nothing that pip could install would be complete. And it is no
detector for every day: a model takes milliseconds for what the others do in microseconds, on the event loop, so it is
off unless a policy names the entity.
"""

from collections.abc import Sequence
from typing import Any

from gateway.core.extras import PYTHON
from gateway.guard.detectors.matching import MissingExtra
from gateway.guard.words import Span

_MISSING = (
    f"the entity `name` needs Presidio and a spaCy model: {PYTHON} -m pip install presidio-analyzer, then "
    f"{PYTHON} -m spacy download en_core_web_lg (or another language's)"
)
_LEAST_SCORE = 0.5


class Names:
    """Raises:
    MissingExtra: Presidio or the model is not installed.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        try:
            from presidio_analyzer import AnalyzerEngine  # pyright: ignore
        except ImportError:
            raise MissingExtra(_MISSING) from None
        self._engine: Any = AnalyzerEngine(supported_languages=list(languages))
        self._languages = tuple(languages)

    def find(self, text: str) -> list[Span]:
        return sorted(
            Span(one.start, one.end, "name", one.score)
            for language in self._languages
            for one in self._engine.analyze(text, language=language, entities=["PERSON"])
            if one.score >= _LEAST_SCORE
        )
