"""`gateway prices`: what models cost and why, what another price book would change, newer published prices."""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.catalogue.prices import PriceBook, Priced, read_prices
from gateway.catalogue.prices.meters import UNIT
from gateway.catalogue.prices.rates import Band, Card
from gateway.cli import prices_diff, prices_update
from gateway.cli.arguments import Verbs, add_config, add_json, moment, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.attempt import Terms
from gateway.core.money import decimal_text
from gateway.core.usage import Usage
from gateway.policyset import read_policies

COLUMNS = ("target", "input", "output", "priced by", "why not")
_SHOWN = ("input_tokens", "output_tokens")


def add_to(verbs: Verbs) -> None:
    summary = "show what models cost and why; compare price books; update published prices"
    parser = verb(verbs, "prices", summary, "gateway prices show --provider openai --model gpt-4o-mini")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    example = "gateway prices show --provider anthropic --model claude-sonnet-4-5 --at 2026-01-01"
    showing = verb(actions, "show", "show which prices apply, and where they are from", example)
    add_config(showing)
    showing.add_argument("--provider", metavar="NAME", help="a provider of config.yaml; default: all that cards name")
    showing.add_argument("--model", metavar="NAME", help="what the provider calls the model; default: all in cards")
    showing.add_argument("--at", type=moment, metavar="TIME", help="as of then, such as 2026-11-01; default: now")
    showing.add_argument("--tier", default="", help="as an answer says it, such as flex")
    showing.add_argument("--region", default="", help="as an answer says it")
    showing.add_argument("--tenant", default="", help="as this tenant is charged")
    showing.add_argument("--team", default="", help="as this team is charged")
    add_json(showing)
    showing.set_defaults(run=_show)
    prices_diff.add_to(actions)
    prices_update.add_to(actions)


def _show(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    at_s: float = time.time() if options.at is None else options.at
    if options.model and not options.provider:
        print("error: --model needs its --provider", file=sys.stderr)
        return 2
    if options.model:
        book = read_prices(settings.policies_dir / "prices.yaml", settings.wiring)
        card = book.card(_asked(options, options.provider, options.model, at_s))
        return _one(options, book, card)
    book, places = _targets(settings, options.provider)
    cards = [(place, book.card(_asked(options, *place, at_s))) for place in places]
    if options.json:
        print_json([_as_json(*place, card, book.currency) for place, card in cards])
    else:
        print_table(COLUMNS, [_line(f"{provider}/{model}", card) for (provider, model), card in cards])
    return 0


def _targets(settings: Settings, provider: str | None) -> tuple[PriceBook, list[tuple[str, str]]]:
    policies = read_policies(settings.policies_dir, settings.wiring)
    targets = sorted({(one.provider, one.model) for one in policies.catalogue.models})
    return policies.prices, [place for place in targets if provider in (None, place[0])]


def _asked(options: argparse.Namespace, provider: str, model: str, at_s: float) -> Priced:
    terms = Terms(tier=options.tier, region=options.region)
    return Priced(
        provider=provider,
        model=model,
        usage=Usage(),
        at_s=at_s,
        terms=terms,
        tenant=options.tenant,
        team=options.team,
    )


def _one(options: argparse.Namespace, book: PriceBook, card: Card) -> int:
    if options.json:
        print_json(_as_json(options.provider, options.model, card, book.currency))
        return int(bool(card.reason))
    if card.reason:
        print(f"{options.provider}/{options.model} is unpriced: {card.reason}", file=sys.stderr)
        return 1
    for line in _why(options, card):
        print(line)
    print()
    headings = ("meter", "for", f"charged, {book.currency}", "published", "above")
    rows = [[str(cell) for cell in line] for band in card.bands for line in _rates(band)]
    print_table(headings, rows)
    return 0


def _why(options: argparse.Namespace, card: Card) -> Iterator[str]:
    layer = "published prices" if card.name.startswith("genai:") else "an entry of prices.yaml"
    yield f"{options.provider}/{options.model} is priced by {card.name} ({layer}), found by `{printable(card.priced)}`"
    if card.listed_by != card.name:
        yield f"its published prices are those of {card.listed_by}"
    if card.adjusted:
        yield f"adjusted by {', '.join(card.adjusted)}"
    yield f"from {_time(card.from_s)} until {_time(card.until_s)}, and then as the book says for then"
    yield f"version {card.version}"


def _time(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%MZ}"


def _rates(band: Band) -> Iterator[tuple[str, str, str, str, int]]:
    for row in (*band.rows, band.fee, band.time):
        if row.rate is not None and row.list_rate is not None:
            yield row.meter, UNIT[row.meter], money(row.rate), money(row.list_rate), band.above


def _line(target: str, card: Card) -> list[str]:
    if card.reason:
        return [target, "", "", "", card.reason]
    by_meter = {row.meter: row.rate for row in card.bands[0].rows}
    shown = ["" if (rate := by_meter[meter]) is None else money(rate) for meter in _SHOWN]
    return [target, *shown, card.name, ""]


def money(nano: int) -> str:
    """Without the zeros that say nothing, but for the cents."""
    whole, _, part = decimal_text(nano).partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def _as_json(provider: str, model: str, card: Card, currency: str) -> dict[str, Any]:
    return {
        "provider": provider,
        "model": model,
        "currency": currency,
        "unpriced": card.reason,
        "priced_by": card.name,
        "found_by": card.priced,
        "published_by": card.listed_by,
        "adjusted_by": card.adjusted,
        "version": card.version,
        "from": _time(card.from_s),
        "until": _time(card.until_s),
        "prices": [
            {"meter": meter, "per": unit, "charged": charged, "published": published, "above_input_tokens": above}
            for band in card.bands
            for meter, unit, charged, published, above in _rates(band)
        ],
    }
