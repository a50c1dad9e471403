"""`testing_criteria`: OpenAI's graders as evals have them, understood once for all rows of a run."""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.compare.grading import Grade, Outside, Sample, Wrong
from gateway.compare.grading.openai import Grader, read_grader
from gateway.core.faults import BadRequest
from gateway.evals.reading import joined, refuse_blocks, refuse_large, texts_in
from gateway.stores.wording import nearest

MAX_CRITERIA = 50
PLACE = "testing_criteria"
KINDS = ("string_check", "text_similarity", "label_model", "score_model")
_SAMPLE = re.compile(r"\{\{\s*sample\b")
_REFUSED: Mapping[str, str] = {
    "python": "a `python` criterion runs code of whoever sends it, which this gateway does for nobody: say it with "
    "string_check, text_similarity or score_model",
    "multi": "evals have no `multi`, with OpenAI neither: send its graders as criteria of their own; a row passes if "
    "it passes all",
}


class Criterion(msgspec.Struct, frozen=True):
    """Attributes:
    asks: somebody has to be asked for the grade; without, it is arithmetic.
    needs_sample: it looks at the answer, and so a row without one cannot be graded by it.
    slots: how many values are put into its texts.
    """

    grader: Grader
    asks: bool
    needs_sample: bool
    slots: int

    @property
    def name(self) -> str:
        return self.grader.name

    async def grade(self, item: Mapping[str, Any], sample: Sample, outside: Outside) -> Grade:
        return await self.grader.grade(item, sample, outside)

    def grade_now(self, item: Mapping[str, Any], sample: Sample) -> Grade:
        """The same where nobody is asked; for a thread, as long texts take a while to compare."""
        assert not self.asks, "somebody has to be asked"
        grading = self.grader.grade(item, sample)
        try:
            grading.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a grade for which nobody is asked waits for nobody")


def read_criteria(value: Any, *, embeds: bool) -> tuple[Criterion, ...]:
    """Args:
        value: decoded JSON. embeds: there is a model for vectors.

    Raises:
        BadRequest: it is no list of criteria, or has one that is not graded here.
    """
    if not isinstance(value, list) or not value:
        raise BadRequest("`testing_criteria` is a list of graders, at least one", param=PLACE)
    found = cast(list[Any], value)
    if len(found) > MAX_CRITERIA:
        raise BadRequest(f"an eval has at most {MAX_CRITERIA} testing criteria", param=PLACE)
    try:
        refuse_large(found, PLACE)
        return tuple(_criterion(one, joined(PLACE, [index]), embeds) for index, one in enumerate(found))
    except RecursionError:
        raise BadRequest("`testing_criteria` are nested too deeply", param=PLACE) from None


def _criterion(value: Any, place: str, embeds: bool) -> Criterion:
    if not isinstance(value, dict):
        raise BadRequest(f'`{place}` is a grader, such as {{"type": "string_check", …}}', param=place)
    found = cast(dict[str, Any], value)
    kind = found.get("type")
    if isinstance(kind, str) and kind in _REFUSED:
        raise BadRequest(_REFUSED[kind], code="grader_not_supported", param=f"{place}.type")
    if kind not in KINDS:
        known = nearest(kind[:64], list(KINDS)) if isinstance(kind, str) else f"; one of {', '.join(KINDS)}"
        raise BadRequest(f"`type` is no grader's{known}", param=f"{place}.type")
    if kind == "text_similarity" and found.get("pass_threshold") is None:
        raise BadRequest("a text_similarity of an eval needs a `pass_threshold`", param=f"{place}.pass_threshold")
    cosine = found.get("evaluation_metric") == "cosine"
    if cosine and not embeds:
        raise BadRequest(
            "no model makes vectors here, and `cosine` needs one (evals.embedding_model in config.yaml); take another "
            "metric, such as fuzzy_match",
            code="grader_not_supported",
            param=f"{place}.evaluation_metric",
        )
    texts = list(texts_in(found))
    for text in texts:
        refuse_blocks(text, place)
    try:
        grader = read_grader(found)
    except Wrong as wrong:
        param = joined(place, wrong.path)
        raise BadRequest(f"`{param}`: {wrong.reason}", param=param) from None
    return Criterion(
        grader,
        asks=cosine or kind in ("label_model", "score_model"),
        needs_sample=any(_SAMPLE.search(text) for text in texts),
        slots=sum(text.count("{{") for text in texts),
    )
