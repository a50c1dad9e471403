"""What policies/prices.yaml may say."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="an ISO 4217 code, such as USD")]


class TokenPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Per million tokens. What is left out costs as the one above it: cached, written, audio and image input as
    `input`; reasoning, audio and image output as `output`; cached audio as audio, or else as cached input. Only
    `cache_write_1h` has to be written out: it costs more than input, and a guess would be wrong."""

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    cached_audio: Decimal | None = None
    input_image: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    output_audio: Decimal | None = None
    output_image: Decimal | None = None


class UnitPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Per piece, time or text. Of `audio_second`, `audio_minute` and `audio_hour` at most one. `request`: a fee for
    every call."""

    image: Decimal | None = None
    audio_second: Decimal | None = None
    audio_minute: Decimal | None = None
    audio_hour: Decimal | None = None
    million_characters: Decimal | None = None
    thousand_search_units: Decimal | None = None
    thousand_web_searches: Decimal | None = None
    thousand_file_searches: Decimal | None = None
    code_session: Decimal | None = None
    request: Decimal | None = None


class ImagePrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one generated image of this size and quality costs; empty: of any."""

    size: str = ""
    quality: str = ""
    price: Decimal


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a request with more input tokens than this costs, all of it; prices that are left out stay as they are."""

    above_input_tokens: Annotated[int, msgspec.Meta(ge=1)]
    per_million_tokens: TokenPrices


class PriceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """Prices of some models of one provider from a day on (UTC, inclusive), until the day before `until`.

    `provider` is a name in config.yaml; `models` are patterns of what that provider calls its models.

    Attributes:
        region, tier: only where the answer says that region (a pattern) or service tier; empty: any.
        tiers: service tier → what its prices are multiplied with, e.g. `{flex: 0.5, batch: 0.5, priority: 1.7}`.
        currency: of these prices, if it is not the book's own: converted by the day's rate. Only USD has one.
        contract: these are negotiated prices; as published ones, those of the base are shown, where it has any.
        images: by size and quality. steps: by the size of the context.
        per_gpu_hour: for models on machines of one's own. A call costs its duration times `gpus`, divided by the
            `concurrency` calls that usually run at once: with the default of 1 that is an upper bound. With
            `tokens_per_gpu_second` (what the engine was measured to do, input and output together) it costs by its
            tokens instead, whatever else runs. `expected_seconds`: what is reserved before the duration is known.
    """

    id: str
    provider: str
    models: tuple[str, ...]
    from_: date
    until: date | None = None
    region: str = ""
    tier: str = ""
    tiers: dict[str, Decimal] = {}
    currency: Literal["", "USD"] = ""
    contract: bool = False
    per_million_tokens: TokenPrices = TokenPrices()
    steps: tuple[Step, ...] = ()
    per_unit: UnitPrices = UnitPrices()
    images: tuple[ImagePrice, ...] = ()
    per_gpu_hour: Decimal | None = None
    gpus: Annotated[int, msgspec.Meta(ge=1)] = 1
    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 1
    tokens_per_gpu_second: Annotated[int, msgspec.Meta(ge=1)] | None = None
    expected_seconds: Annotated[int, msgspec.Meta(ge=1)] = 30


class AdjustmentMatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Patterns; what is left out matches everything. `models` are the provider's names; `tiers` and `regions` as the
    answer says them."""

    tenants: tuple[str, ...] = ("*",)
    teams: tuple[str, ...] = ("*",)
    providers: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    tiers: tuple[str, ...] = ("*",)
    regions: tuple[str, ...] = ("*",)


class Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """A change of prices by so many percent, e.g. -10. All that match a call multiply.

    Attributes:
        kind: `surcharge`: the provider's published price is another there (a region, a tier). `contract`: what the
            organisation pays instead of the published price. `markup`: what a team is charged on top of that.
    """

    id: str
    kind: Literal["surcharge", "contract", "markup"]
    percent: Decimal
    match: AdjustmentMatch = AdjustmentMatch()
    from_: date
    until: date | None = None


class ExchangeRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """From that day on (UTC), until the next one: `usd`: what one US dollar costs in the book's currency."""

    from_: date
    usd: Decimal


class BaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A snapshot of published prices that `gateway prices update` wrote. `file`: relative to prices.yaml. `sha256`: as
    the snapshot says of itself, so that a reviewer approves these prices and no others."""

    file: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class PricesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    currency: what headers, reports and exports call costs in.
    exchange_rates: needed if that is not USD: published prices and costs that providers report are in USD.
    base: published prices below one's own: `builtin`, `none`, or a file.
    providers: a name in config.yaml → the provider of the base whose prices it has, or `none`; for those whose kind
        does not say it.
    prices: one's own, which take the place of the base's.
    adjustments: discounts and mark-ups, on both.
    """

    currency: Currency
    exchange_rates: tuple[ExchangeRate, ...] = ()
    base: Literal["builtin", "none"] | BaseFile = "builtin"
    providers: dict[str, str] = {}
    prices: tuple[PriceEntry, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
