"""What a card does not tell, by name: what a reviewer asks for, and what policies may insist on."""

from collections.abc import Callable, Mapping

from gateway.catalogue.cards import Card, CardTarget

# Fact → whether the card tells it. Self-served models have files; hosted ones have somebody else who keeps data.
_TOLD: Mapping[str, Callable[[Card, CardTarget], object]] = {
    "publisher": lambda card, _: card.publisher,
    "licence": lambda card, _: card.licence,
    "region": lambda _, target: target.region or target.hosting == "self-served",
    "data.retention_days": lambda _, target: target.data.retention_days is not None,
    "data.trains_on_inputs": lambda _, target: target.data.trains_on_inputs is not None,
    "context.tokens": lambda card, _: card.context.tokens,
    "modalities": lambda card, _: card.modalities.input and card.modalities.output,
    "use.intended": lambda card, _: card.use.intended,
    "provenance.source": lambda card, _: card.provenance.source,
    "provenance.revision": lambda card, _: card.provenance.revision,
    "provenance.files": lambda card, target: card.provenance.files or not _ours(target),
    "lineage.datasets": lambda card, _: card.lineage.datasets or card.lineage.training_summary,
    "lineage.training_cutoff": lambda card, _: card.lineage.training_cutoff,
    "evaluations": lambda card, _: card.evaluations,
    "risk": lambda card, _: card.risk,
}


FACTS = tuple(_TOLD)


def missing_facts(card: Card, target: CardTarget) -> tuple[str, ...]:
    """The facts that the card does not tell about this target."""
    return tuple(name for name, told in _TOLD.items() if not told(card, target))


def _ours(target: CardTarget) -> bool:
    return target.hosting == "self-served"
