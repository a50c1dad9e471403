"""`gateway check`: is everything that is declared right, and still as it was meant?"""

import argparse
import time
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.arguments import Verbs, add_json, moment, verb
from gateway.cli.output import print_json
from gateway.cli.policy_folders import CONFIG, add_folders, folder_of, settings_of, wiring_of
from gateway.config import Settings, missing_extras
from gateway.core.wiring import Wiring
from gateway.drift import Finding, find_drift, plain_secrets, unset_variables
from gateway.drift.finding import Page
from gateway.ledger.live.reading import Subject
from gateway.livetraffic import question_of
from gateway.policyset import PolicySet, policy_problems, read_policies
from gateway.prompting import vouching
from gateway.prompts.checking import prompt_problems
from gateway.running import started_with_another
from gateway.stores.documents import DocumentError, Known, Text


def add_to(verbs: Verbs) -> None:
    parser = verb(
        verbs,
        "check",
        "validate config.yaml, the policies and the prompts, and warn of what has drifted: rules that match or decide "
        "nothing, exceptions and cards that run out, targets without a card or a price",
        "gateway check --config config.yaml",
    )
    add_folders(parser)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are warnings, too")
    parser.add_argument("--at", type=moment, metavar="TIME", help="warn as of then, 2026-11-01 say; default: now")
    add_json(parser)
    parser.set_defaults(run=run)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is wrong with the files, and yet somebody should know."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: note: {self.reason}"


Found = DocumentError | Finding | Note


def run(options: argparse.Namespace) -> int:
    found = _found(options)
    if options.json:
        print_json([_as_json(one) for one in found])
    else:
        print("\n".join([*map(str, found), *_summary(found, options)]))
    strict = (DocumentError, Finding) if options.strict else DocumentError
    return 1 if any(isinstance(one, strict) for one in found) else 0


def _found(options: argparse.Namespace) -> list[Found]:
    """Errors: the first of each file, and of config.yaml what is not installed for it. Warnings, where the policies are
    valid: what has drifted."""
    try:
        settings = settings_of(options)
    except DocumentError as error:
        return [error]
    folder, wiring = folder_of(options, settings), wiring_of(settings)
    missing = [] if settings is None else missing_extras(settings)
    notes = [] if settings is None else _notes(settings, _config(options))
    if problems := policy_problems(folder, wiring):
        return [*missing, *problems, *_prompts(folder, None, wiring), *notes]
    now = time.time() if options.at is None else options.at
    config = None if settings is None else Text(_config(options), settings.file.read_bytes())
    policies = read_policies(folder, wiring)
    prompts = _prompts(folder, policies, wiring, whole=settings is not None)
    silent = [] if settings is None or config is None else _silent(settings, Page(config.name, config.data))
    unmeasured = [] if settings is None else _unmeasured(settings, policies, folder)
    drift = find_drift(policies, folder, now, wiring, config)
    return [*missing, *prompts, *drift, *_secrets(settings, config), *silent, *unmeasured, *notes]


def _notes(settings: Settings, name: str) -> list[Note]:
    """Policies are followed, config.yaml is not: what was added to it is not there before a restart."""
    older = started_with_another(settings)
    if older is None:
        return []
    return [
        Note(file=name, reason=f"the gateway that runs (pid {older.pid}) was started before it changed: restart it")
    ]


def _secrets(settings: Settings | None, config: Text | None) -> list[Finding]:
    if settings is None or config is None:
        return []
    found = [*plain_secrets(config), *unset_variables(config, settings.unset)]
    return sorted(found, key=lambda one: one.line)


def _prompts(folder: Path, policies: PolicySet | None, wiring: Wiring, whole: bool = False) -> list[DocumentError]:
    """What is wrong with prompts: of valid policies, what names nobody there too. `whole`: all models are known."""
    known: Known = {}
    if policies is not None:
        tenants = policies.tenants
        known = {"tenants": {one.id for one in tenants.tenants}, "teams": {team for _, team in tenants.teams}}
    models = policies.catalogue.names if policies is not None and whole else None
    found = prompt_problems(folder / "prompts", known, models, vouching(wiring.signers))
    return [DocumentError(one.file, one.line, one.reason) for one in found]


def _silent(settings: Settings, page: Page) -> list[Finding]:
    """Webhooks whose secret the environment does not hold: they are told nothing."""
    return [
        page.finding(
            "webhook_without_secret",
            ("alerts", "webhooks", number),
            f"the webhook `{one.name}` has no secret, and so it is told nothing",
            "put one into the environment: `whsec_` and the base64 of 24 to 64 random bytes",
        )
        for number, one in enumerate(settings.config.alerts.webhooks)
        if not one.secret
    ]


def _unmeasured(settings: Settings, policies: PolicySet, folder: Path) -> list[Finding]:
    """Experiments whose metric there is not: they decide nothing."""
    found: list[Finding] = []
    for name, rule in policies.routes.rules.items():
        if rule.experiment is None:
            continue
        try:
            question_of(Subject(route=name), rule.experiment.experiment, "", (0, 0), settings.config.feedback)
        except ValueError as error:
            file = folder / "routes.yaml"
            page = Page(str(file), file.read_bytes())
            told = f"the experiment of `{name}` decides nothing: {error}"
            remedy = "name one of ours, or declare it with `min` and `max` below `feedback.metrics` in config.yaml"
            found.append(page.finding("experiment_without_metric", ("routes", name, "experiment"), told, remedy))
    return found


def _config(options: argparse.Namespace) -> str:
    return options.config or CONFIG


def _as_json(one: Found) -> dict[str, Any]:
    if isinstance(one, Note):
        return {"file": one.file, "line": 0, "reason": one.reason, "severity": "note"}
    told: dict[str, Any] = {"file": one.file, "line": one.line, "reason": one.reason}
    if isinstance(one, Finding):
        return {**told, "severity": "warning", "kind": one.kind, "remedy": one.remedy}
    return {**told, "severity": "error"}


def _summary(found: list[Found], options: argparse.Namespace) -> list[str]:
    if any(isinstance(one, DocumentError) for one in found):
        return []
    alone = options.policies is not None and options.config is None
    whole = f"{options.policies} is valid" if alone else f"{_config(options)} and its policies are valid"
    warnings = sum(isinstance(one, Finding) for one in found)
    return [f"{whole}{f'; warnings: {warnings}' if warnings else ''}"]
