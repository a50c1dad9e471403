"""`gateway models`: which models there are, and weights for the ones served here."""

import argparse
import sys
from pathlib import Path

from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.output import print_json, print_table
from gateway.config import Settings, is_configured, read_config
from gateway.modelhost.weights import WeightsError, fetch
from gateway.policyset import read_policies
from gateway.providers.building import missing_extra


def add_to(verbs: Verbs) -> None:
    parser = verb(verbs, "models", "list models; fetch weights of those served here", "gateway models list")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = verb(actions, "list", "show aliases, their targets, and which are configured", "gateway models list")
    fetching = verb(actions, "fetch", "download and verify the weights of declared engines", "gateway models fetch")
    fetching.add_argument("engine", nargs="*", help="names under `engines` in config.yaml; default: all")
    add_json(listing)
    for action, function in ((listing, _list), (fetching, _fetch)):
        add_config(action)
        action.set_defaults(run=function)


def _list(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    policies = read_policies(settings.policies_dir, settings.wiring)
    rows = [
        {"model": name, "target": str(target), "state": _state(settings, target.provider)}
        for name, targets in policies.catalogue.names.items()
        for target in targets
    ]
    if options.json:
        print_json(rows)
    else:
        print_table(["model", "target", "state"], [list(row.values()) for row in rows])
    return 0


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
