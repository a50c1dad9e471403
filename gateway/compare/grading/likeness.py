"""Assertions about how like an answer is to a text: by words, by letters, by meaning."""

import math
from collections.abc import Callable, Sequence
from operator import mul

import msgspec

from gateway.compare.grading.checks import Asked, Asking, Look, Wanted
from gateway.compare.grading.distance import fuzzy_ratio, levenshtein
from gateway.compare.grading.grades import Ungradable, Verdict
from gateway.compare.grading.judging.judges import Outside
from gateway.compare.grading.overlap import best_of, bleu, gleu, meteor, rouge_recall
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import Wrong, keys, number, one_text, references, share

Score = Callable[[str], float]


def rouge_n(wanted: Wanted) -> Look:
    """Recall of the text's n-grams; `config: {n: 2}` for pairs of words. Passes from `threshold`, 0.75 if not said."""
    order = int(number(keys(wanted.config, ("n",), ("config",)).get("n", 1), ("config", "n")))
    if not 1 <= order <= 5:
        raise Wrong(("config", "n"), "n-grams are of 1 to 5 words")
    expected = references(wanted.value)
    score = rouge_recall(order)
    return _from(wanted, 0.75, f"ROUGE-{order} (recall)", lambda text: best_of(score, text, expected))


def bleu_score(wanted: Wanted) -> Look:
    """Passes from `threshold`, 0.5 if not said; so do gleu and meteor."""
    expected = references(wanted.value)
    return _from(wanted, 0.5, "BLEU", lambda text: bleu(text, expected))


def gleu_score(wanted: Wanted) -> Look:
    expected = references(wanted.value)
    return _from(wanted, 0.5, "GLEU", lambda text: best_of(gleu, text, expected))


def meteor_score(wanted: Wanted) -> Look:
    expected = references(wanted.value)
    return _from(wanted, 0.5, "METEOR (words and stems)", lambda text: best_of(meteor, text, expected))


def fuzzy_match(wanted: Wanted) -> Look:
    """The share of letters that both have in the same order. Passes from `threshold`, 0.8 if not said."""
    expected = references(wanted.value)
    return _from(wanted, 0.8, "fuzzy match", lambda text: best_of(fuzzy_ratio, text, expected))


def _from(wanted: Wanted, otherwise: float, name: str, score: Score) -> Look:
    threshold = share(wanted.threshold, otherwise)

    def look(sample: Sample) -> Verdict:
        found = score(sample.text)
        return _scored(found, threshold, name)

    return look


def _scored(found: float, threshold: float, name: str) -> Verdict:
    return Verdict(found >= threshold, found, f"{name} {found:.4f}, asked for {threshold:g}", measured=found)


def levenshtein_distance(wanted: Wanted) -> Look:
    """At most `threshold` letters differ, 5 if not said."""
    text = one_text(wanted.value, empty=True)
    most = 5.0 if wanted.threshold is None else wanted.threshold
    if most < 0:
        raise Wrong(("threshold",), "a distance is 0 or more")

    def look(sample: Sample) -> Verdict:
        apart = abs(len(sample.text) - len(text))
        if apart > most:  # no need to count them: a text of megabytes is far from any
            return Verdict(False, 0.0, f"at least {apart} letters differ, of at most {most:g}", measured=apart)
        found = levenshtein(sample.text, text)
        return Verdict(found <= most, float(found <= most), f"{found} letters differ, of at most {most:g}", found)

    return look


def similar(wanted: Wanted) -> Asking:
    """The cosine of vectors for the answer and for the likest of the texts. Passes from `threshold`, 0.75 if not
    said."""
    expected = references(wanted.value)
    threshold = share(wanted.threshold, 0.75)

    async def ask(asked: Asked) -> Verdict:
        if not asked.sample.text.strip():
            return _scored(0.0, threshold, "cosine of an empty answer")
        found = await likest(asked.outside, asked.sample.text, expected)
        return msgspec.structs.replace(_scored(found.cosine, threshold, "cosine"), cost_nano=found.cost_nano)

    return ask


class Likest(msgspec.Struct, frozen=True):
    """The highest cosine of a text with any of several. `cost_nano`: of the vectors."""

    cosine: float
    cost_nano: int = 0


async def likest(outside: Outside, text: str, expected: Sequence[str]) -> Likest:
    """How like the text is to the likest of those expected.

    Raises:
        Ungradable: there is no model for vectors, it fails, or answers with no vectors.
    """
    if outside.embed is None:
        raise Ungradable("there is no model for vectors to ask")
    try:
        found = await outside.embed([text, *expected])
    except Exception as error:  # noqa: BLE001  whatever keeps a model from answering is this grade's error
        raise Ungradable(f"the model for vectors cannot be asked: {error}") from None
    vectors, cost = found.each, found.cost_nano
    if len(vectors) != len(expected) + 1:
        raise Ungradable(f"the model gave {len(vectors)} vectors for {len(expected) + 1} texts", cost)
    try:
        return Likest(max(cosine(vectors[0], one) for one in vectors[1:]), cost)
    except Ungradable as problem:
        raise Ungradable(str(problem), cost) from None


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Raises:
    Ungradable: they are of different lengths, or one has no direction.
    """
    if len(one) != len(other):
        raise Ungradable(f"vectors of {len(one)} and {len(other)} numbers do not compare")
    lengths = math.hypot(*one) * math.hypot(*other)
    if not lengths or not math.isfinite(lengths):
        raise Ungradable("a vector has no direction")
    return sum(map(mul, one, other)) / lengths
