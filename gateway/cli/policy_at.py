"""`gateway policy at`: who could use what then, with what proves it."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.access.history import PolicyHistory
from gateway.cli.arguments import Verbs, add_config, add_json, label, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.cli.policy_history import add_head
from gateway.config import read_config
from gateway.core.faults import Fault
from gateway.edge.admin.policies import ExplainRequest
from gateway.policypast import answer, at_text, in_force_at


def add_at(actions: Verbs) -> None:
    """Add `at` to the actions of the verb `policy`."""
    example = "gateway policy at 2026-10-01T12:00Z --tenant demo --team quickstart --model gpt-4o-mini"
    parser = verb(actions, "at", "tell who could use what at a moment, and what proves it", example)
    add_config(parser)
    add_json(parser)
    parser.add_argument("time", metavar="TIME", help="ISO date or time, UTC; of a day its first moment")
    parser.add_argument("--tenant", required=True, help="whose call")
    parser.add_argument("--team", required=True, help="which team of the tenant")
    parser.add_argument("--model", default="", help="a name that callers may ask for; without it: all they could use")
    parser.add_argument("--operation", default="", help="default: chat, or without a model any")
    parser.add_argument("--label", action="append", type=label, default=[], metavar="NAME=VALUE", help="of the key")
    parser.add_argument("--data-class", default="", metavar="CLASS", help="of what is sent, if higher than the team's")
    add_head(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        told = _told(options)
    except Fault as error:
        print(f"error: {printable(error.message)}", file=sys.stderr)
        return 1
    if options.json:
        print_json(told)
    else:
        _print(msgspec.to_builtins(told))
    return 0


def _told(options: argparse.Namespace) -> dict[str, Any]:
    settings = read_config(Path(options.config))
    at_ns = at_text(options.time)
    past = in_force_at(PolicyHistory(settings.policy_history), at_ns, settings.wiring, options.head)
    asked = ExplainRequest(
        tenant=options.tenant,
        team=options.team,
        model=options.model,
        operation=options.operation,
        labels=dict(options.label),
        data_class=options.data_class,
    )
    return answer(past, asked, at_ns)


def _print(told: dict[str, Any]) -> None:
    who = f"at {told['at']} {told['tenant']}/{told['team']}"
    if "models" in told:
        print(f"{who} could use" + ("" if told["models"] else f" nothing: {_why_nothing(told)}"))
        if told["models"]:
            names = ("model", "card", "target", "status")
            print_table(names, [[printable(str(one[name])) for name in names] for one in told["models"]])
    else:
        decision = told["decision"]
        could = "could" if decision["allowed"] else "could not"
        print(printable(f"{who} {could} use {told['model']} for {told['operation']}: {decision['reason']}"))
        for target in told["targets"]:
            print(f"  {printable(_target(target))}")
    policy, proof = told["policy"], told["proof"]
    print(f"\npolicy  entry {policy['seq']} of {proof['entries']}, in force since {policy['activated_at']}")
    source = f", checked out: {policy['source']}" if policy["source"] else ""
    print(printable(f"        digest {policy['digest']}, by {policy['actor'] or 'nobody known'}{source}"))
    print(f"        hash {policy['hash']}")
    print(f"proof   all {proof['entries']} entries and their files are as they were written; head {proof['head']}")
    print(f"        {proof['routes']}")


def _why_nothing(told: dict[str, Any]) -> str:
    return told.get("decision", {}).get("reason", "no model was allowed then")


def _target(target: dict[str, Any]) -> str:
    if target["card"] is None:
        return f"{target['target']}: no card described it"
    decision = target["decision"]
    by = f" by {decision['rule_id']}" if decision["rule_id"] else ""
    said = f"{target['target']} (card {target['card']}, {target['status']})"
    return f"{said}: {'allowed' if decision['allowed'] else 'refused'}{by}, {decision['reason']}"
