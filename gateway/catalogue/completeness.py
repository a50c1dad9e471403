"""What a card does not tell. Policies may ask for cards that tell enough, so these names are part of their language."""

from collections.abc import Callable, Mapping

from gateway.catalogue.cards import Card, CardTarget


def _elsewhere(card: Card) -> list[CardTarget]:
    return [target for target in card.targets if target.hosting == "hosted"]


def _ours(card: Card) -> bool:
    return any(target.hosting == "self-served" for target in card.targets)


# Name of the fact → (what it is, for whoever writes it down; whether the card tells it, or need not).
FACTS: Mapping[str, tuple[str, Callable[[Card], bool]]] = {
    "publisher": ("who made the model", lambda card: bool(card.publisher)),
    "targets": ("where it may be used: `- {target: PROVIDER/MODEL, region: …}`", lambda card: bool(card.targets)),
    "targets.region": ("where it computes", lambda card: all(one.region for one in _elsewhere(card))),
    "targets.data.retention_days": (
        "how long the provider keeps requests; 0 for not at all",
        lambda card: all(one.data.retention_days is not None for one in _elsewhere(card)),
    ),
    "targets.data.trains_on_inputs": (
        "whether the provider trains models on requests",
        lambda card: all(one.data.trains_on_inputs is not None for one in _elsewhere(card)),
    ),
    "targets.data.residency": (
        "where the provider may keep requests",
        lambda card: all(one.data.residency for one in _elsewhere(card)),
    ),
    "context.tokens": ("the size of the context window", lambda card: card.context.tokens is not None),
    "modalities.input": ("text, image, audio, video, document", lambda card: bool(card.modalities.input)),
    "modalities.output": ("text, image, audio, video, embedding", lambda card: bool(card.modalities.output)),
    "licence": ("`expression:` of SPDX; for others a LicenseRef, `class:` and `url:`", lambda card: bool(card.licence)),
    "licence.reviewed": (
        "who read the licence, and when: `{by: …, on: …}`",
        lambda card: card.licence is None or card.licence.reviewed is not None,
    ),
    "use.intended": ("what the model is for", lambda card: bool(card.use.intended)),
    "use.out_of_scope": ("what it is not for", lambda card: bool(card.use.out_of_scope)),
    "provenance.source": ("URI of where it comes from", lambda card: bool(card.provenance.source)),
    "provenance.revision": ("what names this very version for ever", lambda card: bool(card.provenance.revision)),
    "provenance.files": (
        "the files and their SHA-256",
        lambda card: bool(card.provenance.files) or not _ours(card),
    ),
    "lineage.datasets": ("what it was trained on", lambda card: bool(card.lineage.datasets)),
    "lineage.training_cutoff": ("until when its training data tell", lambda card: bool(card.lineage.training_cutoff)),
    "lineage.training_summary": (
        "URL of the provider's public summary of training content",
        lambda card: bool(card.lineage.training_summary),
    ),
    "evaluations": ("results: `- {dataset: …, metric: …, value: …, source: …}`", lambda card: bool(card.evaluations)),
    "risk": ("low, medium or high: the organisation's own assessment", lambda card: card.risk is not None),
}


def missing(card: Card) -> tuple[str, ...]:
    """The names of the facts that the card does not tell, in the order of the card."""
    return tuple(name for name, (_, told) in FACTS.items() if not told(card))
