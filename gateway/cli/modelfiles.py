"""`gateway models import` and `verify`: from files to cards, and from cards to files."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.catalogue.cards import Card
from gateway.catalogue.importing.facts import ImportingError
from gateway.catalogue.importing.sources import draft_card
from gateway.catalogue.importing.writing import Draft, draft_text, lacking
from gateway.catalogue.verifying import Verified, verify
from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.modelcards import find_card
from gateway.cli.output import print_json
from gateway.config import Settings, read_config
from gateway.modelhost.weights import weights_path
from gateway.policyset import read_policies


def add_to(actions: Verbs) -> None:
    importing = verb(
        actions,
        "import",
        "make a draft card from a folder, a .gguf file or the Hugging Face Hub",
        "gateway models import hf://HuggingFaceTB/SmolLM2-135M-Instruct --write policies/models",
    )
    importing.add_argument("source", help="a folder, a .gguf file, or hf://owner/name[@revision]")
    importing.add_argument("--name", default="", help="of the card; default: what the model calls itself")
    importing.add_argument("--write", metavar="DIR", help="write a file there, which must be new; default: print it")
    importing.set_defaults(run=_import)
    verifying = verb(
        actions,
        "verify",
        "check digests, signatures and formats of local weights against their cards",
        "gateway models verify smollm2",
    )
    verifying.add_argument("name", nargs="*", help="cards; default: all that are served by engines of config.yaml")
    verifying.add_argument("--folder", metavar="DIR", help="of the files of the one named card; default: its engine's")
    verifying.add_argument("--allow-pickle", action="store_true", help="tell of pickles, and accept them")
    add_config(verifying)
    verifying.set_defaults(run=_verify)
    add_json(importing)
    add_json(verifying)


def _import(options: argparse.Namespace) -> int:
    try:
        draft = draft_card(options.source, options.name)
        text = draft_text(draft)
        written = _write(draft, text, Path(options.write)) if options.write else None
    except ImportingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        told = {"name": draft.card.name, "file": written and str(written), "missing": lacking(draft.card)}
        print_json({**told, "remarks": draft.remarks, "text": text})
    elif written is not None:
        print(f"{written}: a draft; {len(lacking(draft.card))} facts are missing", file=sys.stderr)
    else:
        sys.stdout.write(text)
    return 0


def _write(draft: Draft, text: str, folder: Path) -> Path:
    """A new file; one that is there is somebody's work."""
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', draft.card.name)}.yaml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ImportingError(f"{path} is there already; move it away, or give the card another --name") from None
    except OSError as error:
        raise ImportingError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def _verify(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    cards = read_policies(settings.policies_dir, settings.wiring).cards
    named = [find_card(cards, name) for name in options.name]
    chosen = [card for card in named if card is not None]
    if len(chosen) < len(named):
        return 1
    if options.folder and len(chosen) != 1:
        print("error: --folder is for one card: name it", file=sys.stderr)
        return 2
    if options.folder:
        work = [(chosen[0], Path(options.folder))]
    else:
        work = [(card, path) for card in chosen or cards.cards.values() for path in _served(settings, card)]
    for card in chosen:
        if all(one is not card for one, _ in work):
            print(f"error: no engine of config.yaml serves `{card.name}`; say where with --folder", file=sys.stderr)
            return 1
    return _report(options, settings, work)


def _served(settings: Settings, card: Card) -> Iterator[Path]:
    """The weights of the engines that serve the card's targets."""
    providers, engines = settings.config.providers, settings.config.engines
    for target in card.targets:
        provider = providers.get(target.target.partition("/")[0])
        if provider is not None and provider.engine:
            yield weights_path(engines[provider.engine].weights, settings.state_dir)


def _report(options: argparse.Namespace, settings: Settings, work: list[tuple[Card, Path]]) -> int:
    results: list[tuple[Card, Path, Verified]] = []
    for card, path in work:
        if not path.exists():
            print(f"error: {card.name}: {path} is not there; `gateway models fetch` fetches weights", file=sys.stderr)
            return 1
        results.append((card, path, verify(card, path, options.allow_pickle, trusted=settings.policies_dir)))
    if options.json:
        rows = [
            {"model": card.name, "path": str(path), "good": found.good, "checked": found.checked}
            | {"findings": found.findings}
            for card, path, found in results
        ]
        print_json(rows)
    else:
        for card, path, found in results:
            files = "file" if found.checked == 1 else "files"
            print(f"{card.name}: {path}: {'good' if found.good else 'REFUSED'}, {found.checked} {files} as on the card")
            for one in found.findings:
                print(f"  {'note' if one.accepted else 'refused'}: {one.path or 'the model'} {one.reason} [{one.kind}]")
        if not results:
            print("no card is served by an engine of config.yaml", file=sys.stderr)
    return 0 if all(found.good for _, _, found in results) else 1
