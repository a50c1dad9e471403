"""The price book: what a usage costs, exactly.

Which price applies: an entry of one's own beats a published price; of one's own the most special (`choosing.py`); a
price for the model that was asked for beats one for the model that answered. One entry prices a whole call: what it has
no price for is unpriced, not looked up elsewhere.

What the figures mean, in the order in which they are made:
* published: the entry's price, or the snapshot's, with `surcharge` adjustments: `list_nano`, `list_rate`;
* contracted: that with `contract` adjustments, or a `contract` entry's own price: what the organisation pays (`paid`);
* charged: that with `markup` adjustments: what the team is charged: `nano`, `rate`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

import msgspec

from gateway.catalogue.prices import adjusting, foreseeing
from gateway.catalogue.prices.asking import Costed, Priced
from gateway.catalogue.prices.choosing import chosen, in_force, prepared
from gateway.catalogue.prices.costing import costed, quantities
from gateway.catalogue.prices.declared import PricesFile
from gateway.catalogue.prices.published import DAY_S, Published
from gateway.catalogue.prices.rates import Card, compiled
from gateway.catalogue.prices.reported import by_report
from gateway.catalogue.prices.tariffs import (
    DEARER_TIERS,
    Prices,
    Tariff,
    highest_prices,
    own_tariff,
    published_tariff,
)
from gateway.core.attempt import Terms
from gateway.core.usage import Usage

MAX_REMEMBERED = 10_000


class PriceBook:
    """A frozen price book. Costs are exact: a call's sum is rounded once, half to even, at the end.

    `published` is the base, `providers` says whose prices there a provider of config.yaml has.
    """

    def __init__(
        self, said: PricesFile, version: str, published: Published | None, providers: Mapping[str, str]
    ) -> None:
        self.currency = said.currency
        self.version = version
        self._entries = prepared(said.prices)
        self._adjustments = adjusting.prepared(said.adjustments)
        self._exchange_rates = said.exchange_rates
        self._published = published
        self._providers = providers
        # Sizes that no entry speaks of are one size: callers choose them, and they must not fill the memory.
        images = [image for entry in said.prices for image in entry.images]
        self._sizes = {image.size for image in images}
        self._qualities = {image.quality for image in images}
        self._remembered: dict[tuple[object, ...], Card] = {}

    def charges(self, asked: Priced) -> Costed:
        """What this call costs, meter by meter, by the prices of its moment."""
        card = self.card(asked)
        if card.reason:
            found = Costed(quantities(asked.usage), "unpriced", card.version, card.reason)
        else:
            found = costed(card, asked)
        reported = asked.terms.reported_nano
        if reported is None:
            return found
        ceiling = None
        if found.pricing != "priced":
            ceiling = self.ceiling(asked.provider, asked.usage, asked.at_s)
        return by_report(reported, card, found, ceiling, self.version)

    def estimate(
        self, provider: str, model: str, usage: Usage, at_s: float, *, tenant: str = "", team: str = "", tier: str = ""
    ) -> int | None:
        """Nano-units that a call of this usage may cost: text at the dearest rate that it can have (an hour's cache,
        say), with the fee for a request. On the tier, if it has a price and that is dearer: which one serves, the
        upstream decides. None without a price."""
        asked = Priced(provider=provider, model=model, usage=usage, at_s=at_s, tenant=tenant, team=team)
        found = foreseeing.estimate(self.card(asked), usage)
        if not tier:
            return found
        on_tier = foreseeing.estimate(self.card(msgspec.structs.replace(asked, terms=Terms(tier=tier))), usage)
        return on_tier if found is None or (on_tier is not None and on_tier > found) else found

    def ceiling(self, provider: str, usage: Usage, at_s: float) -> int | None:
        """What this usage costs at the highest prices known of any model of the provider, on any terms; None if none
        are known."""
        today = _day(at_s)
        dollar = adjusting.dollar(self._exchange_rates, self.currency, today)
        found: list[Prices] = []
        for entry in self._entries:
            said = entry.said
            if said.provider == provider and in_force(said, today):
                tariff = own_tariff(said, "", Terms())
                most = max((Fraction(1), *map(Fraction, said.tiers.values())))
                times = most * (dollar or 1) if tariff.dollars else most
                found += [{meter: price * times for meter, price in prices.items()} for _, prices in tariff.bands]
        if self._published is not None and dollar is not None:
            highest = highest_prices(self._published.highest(self._providers.get(provider, "")))
            found.append({meter: price * dollar for meter, price in highest.items()})
        return foreseeing.dearest(found, usage)

    def card(self, asked: Priced) -> Card:
        """What prices this call. Remembered for as long as it stands."""
        terms = asked.terms
        key = (
            asked.provider,
            asked.model,
            asked.served_model,
            terms.tier,
            terms.region,
            asked.paid,
            (asked.tenant, asked.team) if self._adjustments else None,
            self._image(terms) if terms.image_size or terms.image_quality else None,
        )
        card = self._remembered.get(key)
        if card is not None and card.from_s <= asked.at_s < card.until_s:
            return card
        card = self._made(asked)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = card
        return card

    def _image(self, terms: Terms) -> tuple[str, str]:
        size, quality = terms.image_size, terms.image_quality
        return size if size in self._sizes else "", quality if quality in self._qualities else ""

    def _made(self, asked: Priced) -> Card:
        today, terms = _day(asked.at_s), asked.terms
        tier = terms.tier.lower()
        tariff, listing = self._tariffs(asked, today)
        about = adjusting.Asked(asked.tenant, asked.team, asked.provider, asked.model, tier, terms.region)
        times = adjusting.factors(self._adjustments, about, today)
        markup = Fraction(1) if asked.paid else times.markup
        dollar = adjusting.dollar(self._exchange_rates, self.currency, today)
        begins = asked.at_s // DAY_S * DAY_S
        card = Card(dollar=dollar, markup=markup, adjusted=times.names, from_s=begins, until_s=begins + DAY_S)
        if tariff is None:
            return msgspec.structs.replace(card, reason=f"no price for {asked.provider}/{asked.model}")
        card = msgspec.structs.replace(
            card,
            version=f"{self.version}/{tariff.name}",
            name=tariff.name,
            priced=tariff.priced,
            from_s=max(begins, tariff.from_s),
            until_s=min(begins + DAY_S, tariff.until_s),
        )
        if tier in DEARER_TIERS and not (tariff.tiered or times.tiered):
            return msgspec.structs.replace(card, reason=f"{tariff.name} has no price for the tier `{terms.tier}`")
        if tariff.dollars and dollar is None:
            return msgspec.structs.replace(card, reason=f"no exchange rate for USD in {self.currency} on {today}")
        if listing is None or dollar is None:
            listing = tariff
        own = dollar if tariff.dollars and dollar is not None else Fraction(1)
        charge = times.surcharge * times.contract * markup
        both = own * charge, own * times.surcharge
        bands, scale = compiled(tariff, listing, both, (dollar or Fraction(1)) * times.surcharge)
        flat = listing is tariff and charge == times.surcharge
        timed = bool(tariff.gpus or tariff.least_audio_ms)
        return msgspec.structs.replace(
            card,
            bands=bands,
            scale=scale,
            listed_by=listing.name,
            flat=flat,
            simple=flat and scale == 1 and len(bands) == 1 and bands[0].fee.number is None and not timed,
            gpus=tariff.gpus,
            expected_us=tariff.expected_us,
            least_audio_ms=tariff.least_audio_ms,
        )

    def _tariffs(self, asked: Priced, today: date) -> tuple[Tariff | None, Tariff | None]:
        """What prices the call, and whose prices are the published ones, if those are another's."""
        names = [name for name in dict.fromkeys((asked.model, asked.served_model)) if name]
        for name in names:
            entry = chosen(self._entries, asked.provider, name, asked.terms, today)
            if entry is not None:
                listing = self._from_base(asked, names) if entry.contract else None
                return own_tariff(entry, name, asked.terms), listing
        return self._from_base(asked, names), None

    def _from_base(self, asked: Priced, names: Sequence[str]) -> Tariff | None:
        provider = self._providers.get(asked.provider, "")
        if self._published is not None and provider:
            for name in names:
                if (found := self._published.find(provider, name)) is not None:
                    return published_tariff(found, name, asked.terms, asked.at_s)
        return None


def _day(at_s: float) -> date:
    return datetime.fromtimestamp(at_s // DAY_S * DAY_S, UTC).date()
