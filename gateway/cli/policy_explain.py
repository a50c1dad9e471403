"""`gateway policy explain`: the decision about a caller and a model, and rule by rule why."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.access.explaining import Check, Considered
from gateway.access.obligations import in_words
from gateway.cli.arguments import Verbs, add_json, label, moment, verb
from gateway.cli.output import print_json
from gateway.cli.policy_folders import CONFIG, add_folders, folder_of, settings_of, wiring_of
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.core.faults import Fault, NotFound
from gateway.core.model import Decision
from gateway.edge.admin.policies import AskedAttributes, ExplainRequest
from gateway.identity.keystore import KeyInfo, KeyStore
from gateway.policyset import CALLS, PolicySet, read_policies
from gateway.policyview import explain
from gateway.stores.wording import nearest


def add_explain(actions: Verbs) -> None:
    """Add `explain` to the actions of the verb `policy`."""
    example = "gateway policy explain --tenant demo --team quickstart --model gpt-4o-mini --label env=prod --tools"
    parser = verb(actions, "explain", "say whether a call would be allowed, and rule by rule why", example)
    add_folders(parser)
    parser.add_argument("--tenant", help="who asks, with --team")
    parser.add_argument("--team")
    parser.add_argument(
        "--key", metavar="KEY_ID", help="who asks: the id of a key (`gateway keys list`), not its secret"
    )
    parser.add_argument("--model", required=True, help="a name as callers write it")
    parser.add_argument("--operation", default="chat", help=f"{', '.join(CALLS)}; default: chat")
    parser.add_argument("--label", type=label, action="append", default=[], metavar="NAME=VALUE", help="of the key")
    parser.add_argument(
        "--claim", type=label, action="append", default=[], metavar="NAME=VALUE", help="of the token; may be repeated"
    )
    parser.add_argument("--data-class", default="", metavar="CLASS", help="what is sent is of this class at least")
    parser.add_argument("--stream", action="store_true", help="the request asks for a stream")
    parser.add_argument("--tools", action="store_true", help="the request brings tools")
    parser.add_argument(
        "--max-output-tokens", type=int, default=0, metavar="N", help="the most that the request asks for"
    )
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="ask about then, for example 2026-11-01; default: now"
    )
    parser.add_argument("--all", action="store_true", help="show those rules too that miss by more than one condition")
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    team = (options.tenant, options.team)
    if (None in team) if options.key is None else team != (None, None):
        print("error: say who asks: --tenant and --team, or --key", file=sys.stderr)
        return 2
    settings = settings_of(options)
    try:
        key = None if options.key is None else _key(options.key, settings or read_config(Path(CONFIG)))
        policies = read_policies(folder_of(options, settings), wiring_of(settings))
        now = time.time() if options.at is None else options.at
        asked = _asked(options, key)
        found = explain(asked, policies, now)
    except Fault as fault:
        print(f"error: {fault.message}", file=sys.stderr)
        return 1
    ended = "" if key is None else _ended(key, now)
    if options.json:
        print_json(found if key is None else {**found, "key": {"id": key.id, "ended": ended or None}})
        return 0
    print("\n".join(_told(asked, found, policies)))
    if key is not None and ended:
        print(f"\nbut the key {key.id} {ended}, and whoever shows it is refused like a stranger")
    return 0


def _ended(key: KeyInfo, now: float) -> str:
    if key.revoked_at is not None and key.revoked_at <= now:
        return "was revoked"
    return "has expired" if key.expires_at is not None and key.expires_at <= now else ""


def _key(key_id: str, settings: Settings) -> KeyInfo:
    place = settings.state_dir / "identity.db"
    if not place.exists():
        raise NotFound(f"{place}: no keys are kept there; `gateway keys create` makes one")
    with KeyStore(place, SystemClock()) as store:
        return store.get(key_id)


def _asked(options: argparse.Namespace, key: KeyInfo | None) -> ExplainRequest:
    claims: dict[str, list[str]] = {}
    for name, word in options.claim:
        claims.setdefault(name, []).append(word)
    return ExplainRequest(
        tenant=options.tenant if key is None else key.tenant,
        team=options.team if key is None else key.team,
        model=options.model,
        operation=options.operation,
        labels={**({} if key is None else key.labels), **dict(options.label)},
        claims=claims,
        data_class=options.data_class,
        request=AskedAttributes(
            stream=options.stream, tools=options.tools, max_output_tokens=max(0, options.max_output_tokens)
        ),
        all_rules=options.all,
    )


def _told(asked: ExplainRequest, found: Mapping[str, Any], policies: PolicySet) -> Iterator[str]:
    decision: Decision = found["decision"]
    who = f"team {asked.team} of {asked.tenant}"
    yield f"{'ALLOWED' if decision.allowed else 'REFUSED'}: {who} may {'' if decision.allowed else 'not '}use " + (
        f"{asked.model} for {asked.operation}{' with tools' if asked.request.tools else ''}"
    )
    yield from _decided(decision, "  ")
    if not found["model_known"]:
        yield f"  no name `{asked.model}`{nearest(asked.model, sorted(policies.catalogue.names))}"
    for target in found["targets"]:
        yield ""
        yield from _target(target, decision)


def _decided(decision: Decision, indent: str) -> Iterator[str]:
    by = f" {decision.rule_id}" if decision.rule_id else ""
    yield f"{indent}decided by  {decision.basis.replace('_', ' ')}{by}{f' ({decision.code})' if decision.code else ''}"
    yield f"{indent}because     {decision.reason}"
    if decision.remedy:
        yield f"{indent}remedy      {decision.remedy}"
    if obliged := in_words(decision.obligations):
        yield f"{indent}obliged to  {obliged}"
    if decision.would_deny:
        yield f"{indent}watched by  {', '.join(decision.would_deny)}: in audit mode; would refuse it"


def _target(target: Mapping[str, Any], told: Decision) -> Iterator[str]:
    """`told`: the decision as a whole, which need not be said again."""
    if target["card"] is None:
        yield f"{target['target']}: no card describes it"
        return
    decision: Decision = target["decision"]
    state = "allowed" if decision.allowed else "refused"
    yield f"{target['target']} (card {target['card']}, {target['status']}): {state}"
    if decision != told:
        yield from _decided(decision, "  ")
    yield from _rules(target)
    if "tools" in target:
        yield "  with tools, which is a question of its own:"
        yield from _rules(target["tools"])


def _rules(found: Mapping[str, Any]) -> Iterator[str]:
    rules: Sequence[Considered] = found["rules"]
    for one in sorted(rules, key=lambda one: (not one.matched, one.rule_id)):
        audit = ", audit" if one.mode == "audit" else ""
        yield f"  {_mark(one.matched)} {one.rule_id} ({one.effect}{audit}){'' if one.checks else ': about everything'}"
        for check in one.checks:
            yield f"      {_mark(check.holds)} {_check(check)}"
    if found["rules_not_shown"]:
        yield f"  {found['rules_not_shown']} more miss by more than one condition; --all shows them"


def _check(check: Check) -> str:
    return f"{check.name}: wanted {check.wanted}, found {check.found or 'nothing'}"


def _mark(holds: bool) -> str:
    return "✓" if holds else "✗"
