"""`gateway check`: is everything that is declared right?"""

import argparse
from pathlib import Path

from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.output import print_json
from gateway.config import Settings, missing_extras, read_config
from gateway.policyset import policy_problems
from gateway.stores.documents import DocumentError


def add_to(verbs: Verbs) -> None:
    parser = verb(verbs, "check", "validate config.yaml and the policies", "gateway check --config config.yaml")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    problems = _problems(Path(options.config))
    if options.json:
        print_json([{"file": one.file, "line": one.line, "reason": one.reason} for one in problems])
    else:
        print("\n".join(str(one) for one in problems) or f"{options.config} and its policies are valid")
    return 1 if problems else 0


def _problems(config: Path) -> list[DocumentError]:
    """The first of each file, and of config.yaml what is not installed for it."""
    try:
        settings: Settings = read_config(config)
    except DocumentError as error:
        return [error]
    return [*missing_extras(settings), *policy_problems(settings.policies_dir, settings.wiring)]
