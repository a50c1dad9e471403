"""`gateway models show` and `bom`: a card for people, and all of them for tools."""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.catalogue.bom import BomError, bom
from gateway.catalogue.cards import Card, CardTarget
from gateway.catalogue.lineage import Inherited
from gateway.catalogue.loading import CardSet, life_of
from gateway.catalogue.missing import missing_facts
from gateway.cli.arguments import Verbs, add_config, add_json, moment, verb
from gateway.cli.output import print_json
from gateway.config import read_config
from gateway.policyset import read_policies
from gateway.stores.wording import nearest


def add_to(actions: Verbs) -> None:
    showing = verb(actions, "show", "show a model's card and what it inherits", "gateway models show smollm2")
    showing.add_argument("name", help="a card's name, or one of its aliases")
    add_json(showing)
    exporting = verb(actions, "bom", "export the cards as a CycloneDX bill of materials", "gateway models bom")
    exporting.add_argument("--output", metavar="FILE", help="default: standard output")
    exporting.add_argument(
        "--at", type=moment, metavar="TIME", help="as things stand then, for example 2026-11-01; default: now"
    )
    add_json(exporting)
    for action, function in ((showing, _show), (exporting, _bom)):
        add_config(action)
        action.set_defaults(run=function)


def declared_cards(config: str) -> CardSet:
    """The cards of the policies that this configuration points to.

    Raises:
        DocumentError: a file that is wrong.
    """
    settings = read_config(Path(config))
    return read_policies(settings.policies_dir, settings.wiring).cards


def find_card(cards: CardSet, name: str) -> Card | None:
    """The card with this name or alias; says what is wrong on standard error if there is none."""
    for card in cards.cards.values():
        if name in (card.name, *card.aliases):
            return card
    print(f"error: there is no card `{name}`{nearest(name, sorted(cards.cards))}", file=sys.stderr)
    return None


def _bom(options: argparse.Namespace) -> int:
    cards = declared_cards(options.config)
    at = datetime.fromtimestamp(int(time.time()) if options.at is None else options.at, UTC)
    try:
        text = bom(cards.cards, cards.inherited, at)
        if options.output:
            Path(options.output).write_text(text, encoding="utf-8")
    except (BomError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not options.output:
        sys.stdout.write(text)
    elif options.json:
        print_json({"file": options.output, "components": len(cards.cards)})
    return 0


def _show(options: argparse.Namespace) -> int:
    cards = declared_cards(options.config)
    card = find_card(cards, options.name)
    if card is None:
        return 1
    inherited = cards.inherited[card.name]
    status = life_of(card).status(time.time())
    if options.json:
        print_json({"card": card, "status": status, "inherited": inherited, "missing": _missing(card)})
        return 0
    for heading, text in _lines(card, inherited, status):
        print(f"{heading:<16}{text}".rstrip())
    return 0


def _missing(card: Card) -> dict[str, tuple[str, ...]]:
    return {one.target: missing_facts(card, one) for one in card.targets}


def _lines(card: Card, inherited: Inherited, status: str) -> Iterator[tuple[str, str]]:
    yield "model", ", ".join((card.name, *card.aliases))
    yield from (pair for pair in (("title", card.title), ("publisher", card.publisher)) if pair[1])
    yield "status", status
    yield from _life(card)
    yield "licence", f"{card.licence.expression} {card.licence.url}" if card.licence is not None else "not known"
    yield "licence class", _licence_class(inherited)
    for restriction in inherited.restrictions:
        yield "restriction", restriction.text + (f" (from {restriction.of})" if restriction.of != card.name else "")
    for ancestor in card.lineage.base_models:
        stated = f": {ancestor.licence.expression}" if ancestor.licence else ""
        yield "made from", f"{ancestor.card or ancestor.source} ({ancestor.relation}){stated}"
    yield "risk", card.risk or "not assessed"
    yield from (("meant for", text) for text in card.use.intended)
    yield from (("not meant for", text) for text in card.use.out_of_scope)
    if card.provenance.source:
        yield "source", f"{card.provenance.source} {card.provenance.revision}"
    for one in card.targets:
        yield "target", one.target
        yield from (("", f"  {line}") for line in _target(card, one))


def _life(card: Card) -> Iterator[tuple[str, str]]:
    approved, deprecated, revoked = card.life.approved, card.life.deprecated, card.life.revoked
    if approved is not None:
        until = f" until {approved.until} (inclusive)" if approved.until else ""
        yield "approved", f"by {approved.by} from {approved.on}{until}"
    if deprecated is not None:
        instead = f", use {deprecated.successor}" if deprecated.successor else ""
        sunset = f", refused from {deprecated.sunset}" if deprecated.sunset else ""
        yield "deprecated", f"from {deprecated.on}{instead}{sunset}"
    if revoked is not None:
        yield "revoked", f"from {revoked.on}: {revoked.reason}"


def _licence_class(inherited: Inherited) -> str:
    through = f", through {' → '.join(inherited.through)}" if inherited.through else ""
    if inherited.licence_class is not None:
        return f"{inherited.licence_class}{through}"
    least = f"; at least {inherited.at_least}{through}" if inherited.at_least else ""
    return f"unknown: no licence is known of {', '.join(inherited.unknown)}{least}"


def _target(card: Card, one: CardTarget) -> Iterator[str]:
    yield one.hosting + (f" in {one.region}" if one.region else "")
    data = one.data
    kept = "not known" if data.retention_days is None else f"{data.retention_days} days"
    trains = {None: "not known", True: "yes", False: "no"}[data.trains_on_inputs]
    yield f"requests kept: {kept}; trained on: {trains}; residency: {', '.join(data.residency) or 'not known'}"
    if lacking := missing_facts(card, one):
        yield f"missing: {', '.join(lacking)}"
