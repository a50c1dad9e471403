"""A line as the values of a row: pure."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from gateway.core.attempt import JUDGES, MIRRORS, RETRIES, account_kind
from gateway.ledger.focus.lines import Line
from gateway.ledger.focus.meters import Meter, consumed, meter_of, pricing_unit
from gateway.ledger.focus.naming import Naming

Value = str | Decimal | datetime | None
# Unit prices and quantities that do not come out even have this many places; what a column of Parquet holds.
PLACES = 18
_EXACT = Context(prec=60)
_STEP = Decimal(1).scaleb(-PLACES)
OVERHEAD = {RETRIES: "Retries", MIRRORS: "Mirrors", JUDGES: "Judges"}


class Maker:
    """Makes rows of lines.

    Args:
        naming: what a provider is called. team_name: what people call a (tenant, team); empty: just that.
        currency: of the price book.
    """

    def __init__(
        self, naming: Callable[[str], Naming], currency: str, team_name: Callable[[str, str], str] | None = None
    ) -> None:
        self._naming = naming
        self._currency = currency
        self._team_name = team_name

    def row(self, line: Line) -> dict[str, Value]:
        """Every column of every version, by its id."""
        naming, meter = self._naming(line.provider), meter_of(line.meter)
        region = line.region or naming.region_id
        start, end = _moment(line.start), _moment(line.end)
        billed = start if line.billed_at is None else _moment(line.billed_at)
        return {
            **self._who(line, naming),
            **_money(line, meter),
            "BillingCurrency": self._currency,
            "PricingCurrency": self._currency,
            "BillingPeriodStart": _month(billed),
            "BillingPeriodEnd": _month(billed, 1),
            "ChargePeriodStart": start,
            "ChargePeriodEnd": end,
            "ChargeCategory": "Usage",
            "ChargeClass": "Correction" if line.correction else None,
            "ChargeDescription": _description(line, meter),
            "ChargeFrequency": "Usage-Based",
            "PricingCategory": "Standard",
            "RegionId": region or None,
            "RegionName": (naming.region_name if region == naming.region_id else region) or None,
            "ServiceCategory": "AI and Machine Learning",
            "ServiceSubcategory": "Generative AI",
            "ServiceName": naming.service,
            **_sku(line, meter),
            "Tags": tags_text(line.tags, line.prompt_id, line.agent),
            "x_AttemptCount": Decimal(line.charges),
            "x_PriceVersion": line.price_version or None,
        }

    def _who(self, line: Line, naming: Naming) -> dict[str, Value]:
        target = line.target or line.provider
        overhead = bool(line.account)
        return {
            "BillingAccountId": naming.billing_account_id,
            "BillingAccountName": naming.billing_account_name,
            "HostProviderName": naming.host_provider,
            "InvoiceDetailId": None,
            "InvoiceId": None,
            "InvoiceIssuerName": naming.invoice_issuer,
            "ProviderName": naming.service_provider,
            "PublisherName": naming.publisher,
            "ServiceProviderName": naming.service_provider,
            "ResourceId": target,
            "ResourceName": target.partition("/")[2] or None,
            "ResourceType": "Model Deployment",
            "SubAccountId": line.account if overhead else f"{line.tenant}/{line.team}",
            "SubAccountName": _overhead(line.account) if overhead else self._named(line),
            "SubAccountType": "Gateway Overhead" if overhead else "Team",
            "x_CredentialId": line.key_id or None,
            "x_GatewayTeam": line.team,
            "x_GatewayTenant": line.tenant,
        }

    def _named(self, line: Line) -> str:
        name = self._team_name(line.tenant, line.team) if self._team_name is not None else ""
        return name or line.team or line.tenant


def _overhead(account: str) -> str:
    """`Judges (pii)`: of that guard."""
    kind, guard = account_kind(account)
    name = OVERHEAD.get(kind, kind)
    return f"{name} ({guard})" if guard else name


def _money(line: Line, meter: Meter) -> dict[str, Value]:
    """Costs as the ledger has them, and unit prices times quantities as the specification has them."""
    per = line.per or 1
    quantity = _divided(line.quantity, per)
    billed = Decimal(line.nano).scaleb(-9)
    rate = None if line.unpriced else line.rate
    # Without a rate of its own (the provider's figure for everything) the price is what it came to.
    contracted = Decimal(rate).scaleb(-9) if rate is not None else _over(billed, quantity)
    contracted_cost = _EXACT.multiply(contracted, quantity) if rate is not None else billed
    listed, list_cost = contracted, contracted_cost
    if line.list_rate is not None and not line.unpriced:
        listed = Decimal(line.list_rate).scaleb(-9)
        list_cost = _EXACT.multiply(listed, quantity)
    elif rate is None and line.list_nano:
        list_cost = Decimal(line.list_nano).scaleb(-9)
        listed = _over(list_cost, quantity)
    return {
        "BilledCost": billed,
        "EffectiveCost": billed,
        "ContractedCost": contracted_cost,
        "ContractedUnitPrice": contracted,
        "ListCost": list_cost,
        "ListUnitPrice": listed,
        "PricingCurrencyContractedUnitPrice": contracted,
        "PricingCurrencyEffectiveCost": billed,
        "PricingCurrencyListUnitPrice": listed,
        "ConsumedQuantity": consumed(meter, line.quantity),
        "ConsumedUnit": meter.unit,
        "PricingQuantity": quantity,
        "PricingUnit": pricing_unit(meter, per),
    }


def _divided(quantity: int, per: int) -> Decimal:
    return _EXACT.divide(Decimal(quantity), Decimal(per)).quantize(_STEP, context=_EXACT)


def _over(cost: Decimal, quantity: Decimal) -> Decimal:
    return _EXACT.divide(cost, quantity).quantize(_STEP, context=_EXACT) if quantity else cost


def _sku(line: Line, meter: Meter) -> dict[str, Value]:
    """A SkuId is what was bought; a SkuPriceId says on which terms too. Neither changes when a price does."""
    model = f"{line.provider}/{line.served_model or line.target.partition('/')[2] or line.target}"
    sku = f"{model}/{line.meter}"
    terms = {
        "x_ServiceTier": line.tier,
        "x_Region": line.region,
        "x_ImageSize": line.image_size,
        "x_ImageQuality": line.image_quality,
    }
    said = {name: value for name, value in terms.items() if value}
    details = (
        {"x_ModelId": line.served_model, **meter.details, **said} if line.served_model else {**meter.details, **said}
    )
    price = "".join(f"/{name[2:].lower()}={value}" for name, value in said.items())
    return {
        "SkuId": sku,
        "SkuMeter": meter.name,
        "SkuPriceId": f"{sku}{price}",
        "SkuPriceDetails": _details(tuple(details.items())) if details else None,
    }


def _description(line: Line, meter: Meter) -> str:
    model = line.served_model or line.target or line.provider
    terms = [word for word in (line.tier, line.region, line.image_size, line.image_quality) if word]
    return ", ".join([f"{meter.name} of {model}", *terms])


@lru_cache(maxsize=4096)
def tags_text(tags: str, prompt_id: str, agent: str) -> str | None:
    """Tags as one flat JSON object. Ours begin with `gateway/`; a value that is no plain one becomes JSON text."""
    try:
        found: Any = json.loads(tags) if tags else {}
    except ValueError:
        found = {"gateway/tags": tags}
    pairs: dict[str, Any] = dict(found) if isinstance(found, Mapping) else {"gateway/tags": found}  # pyright: ignore[reportUnknownArgumentType]
    flat = {
        name: value if value is None or isinstance(value, str | int | float | bool) else _json(value)
        for name, value in pairs.items()
    }
    ours = {"gateway/prompt": prompt_id, "gateway/agent": agent}
    flat |= {name: value for name, value in ours.items() if value}
    return _json(flat) if flat else None


@lru_cache(maxsize=4096)
def _details(pairs: tuple[tuple[str, str], ...]) -> str:
    return _json(dict(pairs))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=4096)
def _moment(unix_s: int) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)


@lru_cache(maxsize=4096)
def _month(moment: datetime, later: int = 0) -> datetime:
    """The first moment of its month in UTC, or of the one so many later."""
    years, month = divmod(moment.month - 1 + later, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
