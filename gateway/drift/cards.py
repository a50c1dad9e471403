"""Drift of cards, of the prices of their targets, and of routes to them."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.catalogue.cards import Card
from gateway.catalogue.prices import PriceBook, Priced
from gateway.core.model import USABLE, Model
from gateway.core.target import Target, parse_target
from gateway.core.usage import Usage
from gateway.drift.finding import DAY_S, Finding, Page, days_until
from gateway.policyset import PolicySet

CARD_NOTICE_S = 30 * DAY_S
_TOKENS = {"text", "embedding"}


def card_drift(policies: PolicySet, now: float) -> Iterator[Finding]:
    for name, card in policies.cards.cards.items():
        document = policies.cards.documents[name]
        page = Page(document.file, document.data)
        models = [policies.catalogue.models[parse_target(one.target)] for one in card.targets]
        yield from _life(card, page, models, now)
        yield from _gaps(card, page, models, now)
        for index, model in enumerate(models):
            if model.life.status(now) in USABLE and (why := _unpriced(policies.prices, model, now)):
                reason = f"what `{model.place}` is used for cannot be priced: {why}"
                remedy = "add its price to prices.yaml, 0 if it costs nothing"
                yield page.finding("target_without_price", ("targets", index, "target"), reason, remedy)


def route_drift(
    policies: PolicySet, under: str, routes: Mapping[str, Sequence[Target]], page: Page, now: float
) -> Iterator[Finding]:
    """Of the names under `models:` in config.yaml, or `routes:` in routes.yaml."""
    for name, targets in routes.items():
        for index, target in enumerate(targets):
            path = (under, name, "targets", index)
            model = policies.catalogue.models.get(target)
            if model is None:
                reason = f"the route `{name}` leads to `{target}`, which no card describes: calls are refused"
                remedy = "write a card for it (policies/models), or take the target out"
                yield page.finding("route_without_card", path, reason, remedy)
            elif (status := model.life.status(now)) not in USABLE:
                reason = f"the route `{name}` leads to `{target}`, whose card `{model.name}` is {_IN_STATE[status]}"
                remedy = "calls of it are refused; take the target out, or see to its card"
                yield page.finding("route_refused", path, reason, remedy)


_IN_STATE = {"draft": "a draft", "expired": "past its approval", "retired": "past its sunset", "revoked": "revoked"}


def _life(card: Card, page: Page, models: list[Model], now: float) -> Iterator[Finding]:
    """The life of a card without targets concerns nobody."""
    if not models:
        return
    life, approved, deprecated = models[0].life, card.life.approved, card.life.deprecated
    status = life.status(now)
    use = f"move callers to `{deprecated.successor}`" if deprecated and deprecated.successor else "move callers away"
    if status == "expired" and approved is not None:
        reason = f"the approval of the card `{card.name}` ran out on {approved.until}: calls are refused"
        remedy = "approve it anew, or revoke it"
        yield page.finding("card_over", ("life", "approved", "until"), reason, remedy)
    if status == "retired" and deprecated is not None:
        reason = f"the model `{card.name}` is past its sunset, {deprecated.sunset}: calls are refused"
        yield page.finding("card_over", ("life", "deprecated", "sunset"), reason, f"{use}, and remove the card")
    if status not in USABLE:
        return
    if approved is not None and life.approved_until is not None and life.approved_until - now <= CARD_NOTICE_S:
        when = days_until(life.approved_until, now)
        reason = f"the approval of the card `{card.name}` runs out {when}, on {approved.until}"
        remedy = f"have it approved anew, by {approved.by} the last time"
        yield page.finding("card_ends_soon", ("life", "approved", "until"), reason, remedy)
    if deprecated is not None and life.sunset is not None and life.sunset - now <= CARD_NOTICE_S:
        when = days_until(life.sunset, now)
        reason = f"the model `{card.name}` is usable for the last time {when}: its sunset is {deprecated.sunset}"
        yield page.finding("card_ends_soon", ("life", "deprecated", "sunset"), reason, use)


def _gaps(card: Card, page: Page, models: list[Model], now: float) -> Iterator[Finding]:
    known = card.life.approved.despite if card.life.approved is not None else ()
    missing = dict.fromkeys(fact for model in models for fact in model.missing if fact not in known)
    if missing and models[0].life.status(now) in USABLE:
        reason = f"the card `{card.name}` is approved, and does not tell: {', '.join(missing)}"
        remedy = "fill that in, or name it under `despite`; what is not known counts against a model"
        yield page.finding("card_incomplete", ("life", "approved"), reason, remedy)


def _unpriced(prices: PriceBook, model: Model, now: float) -> str:
    """Why a usual call of the model has no price; empty if it has one."""
    plain = "text" in model.inputs and _TOKENS.issuperset(model.outputs)
    usage = Usage(input_tokens=1, output_tokens=int("text" in model.outputs)) if plain else Usage()
    target = model.target
    asked = Priced(provider=target.provider, model=target.model, usage=usage, at_s=now, duration_us=1)
    return prices.charges(asked).unpriced
