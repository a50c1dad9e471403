"""`gateway schema`: JSON Schemas of the declared files, for editors that complete and check while one writes."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.access.cases import CasesFile
from gateway.access.rules import AccessFile
from gateway.cache.document import CacheFile
from gateway.cache.pairs import PairsFile
from gateway.catalogue.cards import Card
from gateway.catalogue.prices import PricesFile
from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import json_lines, print_table
from gateway.compare.cases.document import SuiteFile
from gateway.config import Config
from gateway.guard.document import GuardsFile
from gateway.identity.tenants import TenantsFile
from gateway.limits.document import LimitsFile
from gateway.prompts.document import Lock, PromptFile
from gateway.router.document import RoutesFile
from gateway.stores.schemas import schema_of


class Kind(msgspec.Struct, frozen=True):
    """A kind of declared file. `files`: where they are. `shape`: what they are read as. `references`: `${env:NAME}`."""

    files: str
    shape: Any
    references: bool = False


KINDS: dict[str, Kind] = {
    "config": Kind("config.yaml", Config, references=True),
    "access": Kind("policies/access.yaml", AccessFile),
    "policy-test": Kind("policies/tests/*.yaml", CasesFile),
    "model": Kind("policies/models/*.yaml", Card),
    "tenants": Kind("policies/tenants.yaml", TenantsFile),
    "guardrails": Kind("policies/guardrails.yaml", GuardsFile),
    "limits": Kind("policies/limits.yaml", LimitsFile),
    "prices": Kind("policies/prices.yaml", PricesFile),
    "cache": Kind("policies/cache.yaml", CacheFile),
    "cache-pairs": Kind("policies/cache/*.yaml", PairsFile),
    "routes": Kind("policies/routes.yaml", RoutesFile),
    "prompt": Kind("policies/prompts/**/prompt.yaml", PromptFile),
    "prompt-versions": Kind("policies/prompts/**/versions.yaml", Lock),
    "cases": Kind("cases.yaml", SuiteFile),
}


def add_to(verbs: Verbs) -> None:
    parser = verb(
        verbs, "schema", "print the JSON Schema of a declared file, for editors", "gateway schema access > access.json"
    )
    parser.add_argument("name", nargs="?", choices=tuple(KINDS), metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--write", metavar="DIR", help="write NAME.schema.json, of all kinds if no NAME is given")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.write:
        return _write(Path(options.write), [options.name] if options.name else list(KINDS))
    if options.name:
        sys.stdout.write(schema_text(options.name))
    else:
        print_table(["name", "files"], [[name, kind.files] for name, kind in KINDS.items()])
    return 0


def schema_text(name: str) -> str:
    """The schema of a kind, as it is printed and written."""
    kind = KINDS[name]
    made = schema_of(kind.shape, kind.files, kind.references)
    return json_lines(made).decode()


def _write(folder: Path, names: list[str]) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{folder}: {', '.join(f'{name}.schema.json' for name in names)}")
    return 0
