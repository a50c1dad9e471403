"""Small policies written as files are, and one-line questions about them."""

from datetime import UTC, datetime

from gateway.access.asking import Verdict, ask
from gateway.access.loading import Surroundings, read_access
from gateway.access.policy import AccessPolicy
from gateway.catalogue.loading import build_catalogue, read_cards
from gateway.core.model import Attributes, Catalogue
from gateway.core.principal import Principal
from gateway.core.wiring import NO_WIRING, Wiring
from gateway.stores.documents import Text

KNOWN = {
    "tenants": ("acme", "other"),
    "teams": ("red", "blue"),
    "operations": ("chat", "embeddings", "tools"),
    "data_classes": ("public", "internal", "confidential"),
    "guards": (),
}
CARD = "name: {name}\ntargets: [{{target: p/{name}{more}}}]\nlicence: {{expression: MIT}}\nlife: {{approved: {{by: b, on: 2020-01-01}}}}\n"


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


NOW = at("2026-06-15T12:00")


def catalogue_of(*cards: str, wiring: Wiring = NO_WIRING) -> Catalogue:
    return build_catalogue(
        read_cards([Text(f"models/{number}.yaml", card.encode()) for number, card in enumerate(cards)]), wiring
    )


def card(name: str, more: str = "") -> str:
    """An approved card of `p/NAME`; `more`: further fields of its target, such as `, region: eu`."""
    return CARD.format(name=name, more=more)


def access_of(*files: str, catalogue: Catalogue | None = None) -> AccessPolicy:
    instants = [at for model in (catalogue.models if catalogue else {}).values() for at in model.life.instants()]
    around = Surroundings(known=KNOWN, data_classes=KNOWN["data_classes"], instants=tuple(instants))
    names = ["access.yaml", *(f"access/{number}.yaml" for number in range(1, len(files)))]
    return read_access([Text(name, text.encode()) for name, text in zip(names, files, strict=True)], around)


def allow(id: str = "a", more: str = "") -> str:
    return f"  - {{id: {id}, effect: allow, owner: owner@example.com, reason: assessed{more and ', ' + more}}}\n"


def deny(id: str = "d", more: str = "") -> str:
    return allow(id, more).replace("effect: allow", "effect: deny")


def exception(id: str = "x", more: str = "") -> str:
    period = "models: ['*'], from: 2026-06-01, until: 2026-06-30"
    return f"  - {{id: {id}, owner: jane@example.com, approver: ciso@example.com, reason: pilot, {period}, {more}}}\n"


def asked(
    policy: AccessPolicy, catalogue: Catalogue, model: str = "m", operation: str = "chat", *, team: str = "red",
    tenant: str = "acme", now: float = NOW, data_class: str = "internal", labels: dict[str, str] | None = None,
    claims: dict[str, tuple[str, ...]] | None = None, tools: bool = False, most: int = 0,
) -> Verdict:  # fmt: skip
    who = Principal(key_id="k", tenant=tenant, team=team, labels=labels or {}, claims=claims or {})
    request = Attributes(data_class=data_class, tools=tools, max_output_tokens=most)
    return ask(policy, catalogue, who, model, operation, request, now)
