"""`gateway models`: which models there are and on what terms, and the weights of the ones served here."""

import argparse
import sys
import time
from pathlib import Path

from gateway.cli import modelcards, modelfiles
from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.output import print_json, print_table
from gateway.config import Settings, read_config
from gateway.core.model import Model
from gateway.modelhost.weights import WeightsError, fetch
from gateway.policyset import read_policies
from gateway.providers.building import is_configured, missing_extra

COLUMNS = ("model", "target", "state", "status", "licence_class", "region", "missing")


def add_to(verbs: Verbs) -> None:
    summary = "list models and their cards; draft, verify and export cards; fetch weights"
    parser = verb(verbs, "models", summary, "gateway models list")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = verb(actions, "list", "show names, their targets, and what their cards say", "gateway models list")
    fetching = verb(actions, "fetch", "download and verify the weights of declared engines", "gateway models fetch")
    fetching.add_argument("engine", nargs="*", help="names under `engines` in config.yaml; default: all")
    add_json(listing)
    for action, function in ((listing, _list), (fetching, _fetch)):
        add_config(action)
        action.set_defaults(run=function)
    modelcards.add_to(actions)
    modelfiles.add_to(actions)


def _list(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    catalogue = read_policies(settings.policies_dir, settings.wiring).catalogue
    now = time.time()
    rows = [
        {"model": name, "target": str(target), "state": _state(settings, target.provider)} | _terms(model, now)
        for name, targets in catalogue.names.items()
        for target, model in catalogue.of(targets)
    ]
    if options.json:
        print_json(rows)
    else:
        print_table(COLUMNS, [[str(row[column]) for column in COLUMNS] for row in rows])
        if any(row["missing"] for row in rows):
            print("\nmissing: how many facts the card does not tell; `gateway models show NAME` names them")
    return 0


def _terms(model: Model | None, now: float) -> dict[str, object]:
    if model is None:
        return {"status": "no card", "licence_class": "unknown", "region": "", "missing": 0}
    return {
        "status": "unfit" if model.unfit else model.life.status(now),
        "licence_class": model.licence_class or "unknown",
        "region": model.region,
        "missing": len(model.missing),
    }


def _state(settings: Settings, provider: str) -> str:
    options = settings.config.providers[provider]
    if options.engine:
        return "served here"
    if extra := missing_extra(options):
        return f"needs the extra `{extra}`"
    return "configured" if is_configured(options) else "not configured"


def _fetch(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    engines = settings.config.engines
    unknown = [name for name in options.engine if name not in engines]
    if unknown:
        print(f"error: there is no engine `{unknown[0]}`; declared: {', '.join(engines)}", file=sys.stderr)
        return 1
    for name in options.engine or engines:
        try:
            path = fetch(engines[name].weights, settings.state_dir)
        except WeightsError as error:
            print(f"error: engine {name}: {error}", file=sys.stderr)
            return 1
        print(f"{name}: {path} (verified)", file=sys.stderr)
    return 0
