"""A snapshot of published prices, made from the package genai-prices or from its data file.

Of the data everything that prices depend on is kept, and nothing else.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.metadata import distribution
from typing import Any, cast

import msgspec

from gateway.catalogue.prices.published import PublishedPrices, Tiered, read_snapshot

SOURCE = "https://github.com/pydantic/genai-prices"
LICENCE = (
    "MIT. Copyright (c) Pydantic Services Inc. 2025 to present. Permission is hereby granted, free of charge, to any "
    'person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the '
    "Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, "
    "distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is "
    "furnished to do so, subject to the following conditions: The above copyright notice and this permission notice "
    'shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", '
    "WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF "
    "MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR "
    "COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR "
    "OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."
)
# What genai-prices' calculator does and its data does not say: Groq bills at least ten seconds of sound.
_LEAST_AUDIO_MS = {("groq", "whisper-large-v3"): 10_000, ("groq", "whisper-large-v3-turbo"): 10_000}

Json = Mapping[str, Any]
_decimals = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)


def installed() -> bytes:
    """A snapshot of the installed package.

    Raises:
        ModuleNotFoundError: there is none.
    """
    from genai_prices.data import providers

    plain = msgspec.to_builtins(providers, builtin_types=(Decimal,), enc_hook=_plain, str_keys=True)
    return packed(plain, distribution("genai-prices").version)


def from_data(data: bytes) -> bytes:
    """A snapshot from the bytes of the project's own `data.json`, or of a snapshot, which stays as it is.

    Raises:
        ValueError: it is neither.
    """
    try:
        return packed(_decimals.decode(data), "data.json")
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        read_snapshot(data)
        return data


def packed(providers: Iterable[Json], version: str) -> bytes:
    """The snapshot of these providers, as genai-prices writes them; a provider a line, so that versions compare."""
    lines = [f"{_json(one['id'])}:{_json(_provider(one))}" for one in sorted(providers, key=lambda one: one["id"])]
    body = "{\n" + ",\n".join(lines) + "\n}"
    head = {
        "source": SOURCE,
        "version": version,
        "licence": LICENCE,
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
    }
    return f'{_json(head)[:-1]},\n"providers":{body}}}\n'.encode()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _plain(value: object) -> Json:
    """Objects of the package as what its data file holds."""
    held: dict[str, object] = vars(value)
    return {name: one for name, one in held.items() if one is not None}


def _provider(provider: Json) -> Json:
    models = [_model(provider["id"], one) for one in provider.get("models") or ()]
    made: dict[str, Any] = {"models": models}
    if provider.get("fallback_model_providers"):
        made["fallback"] = provider["fallback_model_providers"]
    made["highest"] = _highest(models)
    return made


def _model(provider: str, model: Json) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": model["id"],
        "match": _clause(model["match"]),
        "prices": list(_prices(model["prices"])),
    }
    if variants := [_one(one) for one in model.get("price_variants") or () if _rates(one["prices"])]:
        made["variants"] = variants
    if least := _LEAST_AUDIO_MS.get((provider, model["id"])):
        made["least_audio_ms"] = least
    return made


def _clause(clause: Json) -> dict[str, Any]:
    ((kind, what),) = clause.items()
    kind = kind.rstrip("_")
    if kind not in ("or", "and"):
        return {kind: what}
    parts = [_clause(one) for one in what]
    if kind == "or" and all("equals" in one for one in parts):
        return {"one_of": [one["equals"] for one in parts]}
    return {kind: parts}


def _prices(prices: Json | Sequence[Json]) -> Iterator[PublishedPrices]:
    if isinstance(prices, Mapping):
        yield PublishedPrices(rates=_rates(prices))
    else:
        yield from map(_one, prices)


def _one(conditional: Json) -> PublishedPrices:
    constraint: Json = conditional.get("constraint") or {}
    between = None
    if "start_time" in constraint:
        between = _minutes(constraint["start_time"]), _minutes(constraint["end_time"])
    return PublishedPrices(
        from_=str(constraint.get("start_date", "")),
        between=between,
        when=conditional.get("when") or {},
        rates=_rates(conditional["prices"]),
    )


def _minutes(time: str) -> int:
    """`16:30:00Z` as minutes of the day.

    Raises:
        ValueError: it is not a whole minute in UTC.
    """
    hours, minutes, rest = str(time)[:2], str(time)[3:5], str(time)[5:]
    if rest not in ("", "Z", ":00", ":00Z", ":00+00:00"):
        raise ValueError(f"{time} is not a whole minute in UTC")
    return int(hours) * 60 + int(minutes)


def _rates(prices: Json) -> dict[str, Tiered]:
    return {name: _tiered(one) for name, one in prices.items() if one is not None}


def _tiered(price: object) -> Tiered:
    if not isinstance(price, Mapping):
        return Tiered(Decimal(str(price)))
    tiered = cast(Json, price)
    steps = sorted((int(one["start"]), Decimal(str(one["price"]))) for one in tiered["tiers"])
    return Tiered(Decimal(str(tiered["base"])), tuple(steps))


def _highest(models: Iterable[Json]) -> dict[str, Decimal]:
    """Of each kind of price the highest, whatever the model, the day or the terms."""
    found: dict[str, Decimal] = {}
    for model in models:
        for prices in (*model["prices"], *model.get("variants", ())):
            for name, tiered in prices.rates.items():
                most = max((tiered.price, *(price for _, price in tiered.above)))
                found[name] = max(found.get(name, most), most)
    return found
