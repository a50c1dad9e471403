"""What another price book would have charged for what was bought."""

from collections.abc import Iterable

import msgspec

from gateway.catalogue.prices.asking import Costed, Priced
from gateway.catalogue.prices.book import PriceBook
from gateway.core.attempt import Charge
from gateway.core.bought import Bought
from gateway.core.usage import METERS, Usage


class Change(msgspec.Struct):
    """Of what one team bought of one target under one name.

    Attributes:
        team: `tenant/team`, or the account that pays instead of one.
        attempts: upstream calls. changed: those that cost something else.
        before, after: nano-units, of those that are priced. unpriced_before, unpriced_after: how many are not.
        entries: what prices them by the new book. reasons: why some have no price by it.
    """

    team: str
    model: str
    target: str
    attempts: int = 0
    changed: int = 0
    before: int = 0
    after: int = 0
    unpriced_before: int = 0
    unpriced_after: int = 0
    entries: set[str] = msgspec.field(default_factory=set[str])
    reasons: set[str] = msgspec.field(default_factory=set[str])


def changes(bought: Iterable[Bought], book: PriceBook) -> list[Change]:
    """What differs, the largest difference first, then what does not. Attempts that nobody is billed for are not in
    it."""
    found: dict[tuple[str, str, str], Change] = {}
    for one in bought:
        attempt = one.attempt
        if attempt.pricing == "none":
            continue
        team = attempt.account or f"{one.tenant}/{one.team}"
        key = (team, one.model, attempt.target)
        change = found.get(key)
        if change is None:
            change = found[key] = Change(*key)
        before, costed = attempt.cost_nano, again(one, book)
        after = costed.nano
        change.attempts += 1
        change.changed += before != after
        change.before += before or 0
        change.after += after or 0
        change.unpriced_before += before is None
        change.unpriced_after += after is None
        if after is None:
            change.reasons.add(costed.unpriced)
        else:
            change.entries.add(costed.price_version.partition("/")[2])
    return sorted(found.values(), key=lambda one: (-abs(one.after - one.before), -one.changed, one.team, one.model))


def again(bought: Bought, book: PriceBook) -> Costed:
    """What it costs by this book, as of when it was bought."""
    attempt = bought.attempt
    if attempt.pricing == "unpriced" and not attempt.charges:
        return Costed((), "unpriced", unpriced="it is not known what was used")
    provider, _, model = attempt.target.partition("/")
    asked = Priced(
        provider=provider,
        model=model,
        served_model=attempt.served_model,
        usage=used(attempt.charges),
        terms=attempt.terms,
        at_s=attempt.started_ns / 1e9,
        duration_us=attempt.duration_us,
        tenant=bought.tenant,
        team=bought.team,
        paid=bool(attempt.account),
    )
    return book.charges(asked)


def used(charges: Iterable[Charge]) -> Usage:
    """What the meters counted; fees and time are no usage."""
    counts: dict[str, int] = {}
    for charge in charges:
        if charge.meter in METERS:
            counts[charge.meter] = counts.get(charge.meter, 0) + charge.quantity
    return Usage(**counts)
