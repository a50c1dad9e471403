"""Labelled pairs of texts: which questions have the same answer, and how alike a model of embeddings finds them.

A rule that answers by likeness is in force only while these say how often it would be wrong: `policies/cache/NAME.yaml`
holds the pairs, `NAME.measured.yaml` beside it what `gateway cache evaluate` measured of exactly those.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from gateway.stores.documents import Document, Text, load_document

MEASURED = ".measured.yaml"
FEWEST = 20
MAX_PAIRS = 20_000
_REMEDY = "run `gateway cache evaluate --write`"


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two questions, and whether one's answer is the other's."""

    a: str
    b: str
    same: bool


class PairsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pairs as callers write them, those that look alike and are not the same above all."""

    pairs: tuple[Pair, ...]


class MeasuredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`model`: whose embeddings. `pairs`: digest of the pairs. `cosines`: of each, in their order."""

    model: str
    pairs: str
    cosines: tuple[float, ...]


class Judged(msgspec.Struct, frozen=True):
    """What a threshold would do to the pairs. `hits`: pairs that would be taken for the same; `false_hits`: those of
    them that are not; `missed`: pairs that are the same and would not be taken for it."""

    threshold: float
    hits: int
    false_hits: int
    missed: int

    @property
    def false_hit_rate(self) -> float:
        """Of the answers that would be given, the part that is another question's."""
        return self.false_hits / self.hits if self.hits else 0.0


class FalseHit(msgspec.Struct, frozen=True):
    """A pair that is not the same, and would be taken for it. `place`: which of the pairs, from 0."""

    place: int
    cosine: float


def judge(pairs: Sequence[Pair], cosines: Sequence[float], threshold: float) -> Judged:
    found = [(pair.same, cosine >= threshold) for pair, cosine in zip(pairs, cosines, strict=True)]
    return Judged(
        threshold,
        hits=sum(hit for _, hit in found),
        false_hits=sum(hit and not same for same, hit in found),
        missed=sum(same and not hit for same, hit in found),
    )


def false_hits(pairs: Sequence[Pair], cosines: Sequence[float], threshold: float) -> list[FalseHit]:
    """All of them, those that are most alike first."""
    found = zip(pairs, cosines, strict=True)
    hits = [FalseHit(place, cosine) for place, (pair, cosine) in enumerate(found) if not pair.same]
    return sorted((hit for hit in hits if hit.cosine >= threshold), key=lambda hit: -hit.cosine)


def digest_of(pairs: Sequence[Pair]) -> str:
    return sha256(msgspec.json.encode(pairs)).hexdigest()


def read_pairs(source: Text) -> Document[PairsFile]:
    """Raises:
    DocumentError: too few of either kind to judge by, or too many to look at.
    """
    document = load_document(source, PairsFile)
    same = sum(pair.same for pair in document.value.pairs)
    different = len(document.value.pairs) - same
    if min(same, different) < FEWEST:
        reason = f"has {same} pairs that are the same and {different} that are not; {FEWEST} of each are the fewest"
        raise document.error(("pairs",), reason)
    if len(document.value.pairs) > MAX_PAIRS:
        raise document.error(("pairs",), f"has more than {MAX_PAIRS} pairs")
    return document


def why_of_others(found: MeasuredFile, pairs: Sequence[Pair], model: str) -> str:
    """Why what was measured says nothing of these pairs and this model; empty if it does."""
    if found.model != model:
        return f"the pairs were measured with `{found.model}`, not with `{model}`; {_REMEDY}"
    if found.pairs != digest_of(pairs) or len(found.cosines) != len(pairs):
        return f"the pairs have changed since they were measured; {_REMEDY}"
    return ""


def why_unproven(texts: Mapping[str, Text], name: str, model: str, threshold: float, most: float) -> str:
    """Why the pairs do not prove that a threshold is wrong in at most that part of its answers; empty if they do.

    Args:
        texts: the files of policies/cache, by their names.

    Raises:
        DocumentError: a file that is there is wrong itself.
    """
    pairs, measured = texts.get(f"{name}.yaml"), texts.get(f"{name}{MEASURED}")
    if pairs is None:
        return f"there are no pairs in policies/cache/{name}.yaml"
    labelled = read_pairs(pairs).value.pairs
    if measured is None:
        return f"nobody has measured the pairs; {_REMEDY}"
    found = load_document(measured, MeasuredFile).value
    if why := why_of_others(found, labelled, model):
        return why
    judged = judge(labelled, found.cosines, threshold)
    if not judged.hits:
        return f"no pair is as alike as {threshold:g}, so nothing is proven"
    if judged.false_hit_rate > most:
        said = f"{judged.false_hits} of {judged.hits} pairs as alike as {threshold:g} are not the same"
        return f"{said} ({judged.false_hit_rate:.1%}); max_false_hits is {most:.1%}"
    return ""
