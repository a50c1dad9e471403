"""`gateway targets`: take a target out, and put it back. Works whether the gateway runs or not; a running one follows
within a second."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.core.target import parse_target
from gateway.identity.keystore import KeyStore
from gateway.policyset import read_policies
from gateway.router.draining import FILE, TakenOut, changing, read_taken_out
from gateway.stores.documents import DocumentError
from gateway.stores.wording import nearest

CLOCK = SystemClock()


def add_to(verbs: Verbs) -> None:
    summary = "list targets, take one out of service, and put it back"
    parser = verb(verbs, "targets", summary, "gateway targets list")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = verb(actions, "list", "show all targets and which are taken out", "gateway targets list")
    drain = verb(
        actions,
        "drain",
        "give a target no new calls; those it has are finished",
        "gateway targets drain openai/gpt-4o --reason 'incident 4711'",
    )
    drain.add_argument("--reason", default="", help="why; shown in /admin/status and kept in the audit log")
    undrain = verb(actions, "undrain", "give a target calls again", "gateway targets undrain openai/gpt-4o")
    for action in (drain, undrain):
        action.add_argument("target", metavar="PROVIDER/MODEL")
    for action, function in ((listing, _list), (drain, _drain), (undrain, _undrain)):
        add_config(action)
        add_json(action)
        action.set_defaults(run=_run, act=function)


def _run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        return options.act(options, settings)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _drain(options: argparse.Namespace, settings: Settings) -> int:
    _check_known(options.target, settings)
    taken = TakenOut(actor(), CLOCK.now(), options.reason)
    with changing(settings.state_dir / FILE) as out:
        out[options.target] = taken
    _note(settings, "target.drain", options.target, {"reason": options.reason})
    if options.json:
        print_json({"target": options.target, **msgspec.to_builtins(taken)})
    else:
        print(f"{options.target} gets no new calls; `gateway targets undrain {options.target}` puts it back")
    return 0


def _undrain(options: argparse.Namespace, settings: Settings) -> int:
    with changing(settings.state_dir / FILE) as out:
        if options.target not in out:
            raise ValueError(f"{options.target} is not taken out{nearest(options.target, sorted(out))}")
        del out[options.target]
    _note(settings, "target.undrain", options.target, {})
    if options.json:
        print_json({"target": options.target})
    else:
        print(f"{options.target} gets calls again")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    out = read_taken_out(settings.state_dir / FILE)
    places = sorted({*_known(settings), *out})
    if options.json:
        print_json([{"target": one, "taken_out": msgspec.to_builtins(out.get(one))} for one in places])
        return 0
    print_table(["target", "state", "by", "since", "reason"], [_line(place, out.get(place)) for place in places])
    return 0


def _line(place: str, taken: TakenOut | None) -> list[str]:
    if taken is None:
        return [place, "in service", "", "", ""]
    since = datetime.fromtimestamp(taken.at, UTC).strftime("%Y-%m-%d %H:%M")
    return [place, "taken out", printable(taken.by), since, printable(taken.reason)]


def _note(settings: Settings, action: str, place: str, details: dict[str, object]) -> None:
    with KeyStore(settings.state_dir / "identity.db", CLOCK) as store:
        store.note(actor(), action, place, details)


def _known(settings: Settings) -> list[str]:
    return [str(target) for target in read_policies(settings.policies_dir, settings.wiring).catalogue.models]


def _check_known(place: str, settings: Settings) -> None:
    """A misspelt target would be taken out without any effect. Policies that are broken just now must not stand in the
    way of taking one out."""
    provider, providers = parse_target(place).provider, sorted(settings.config.providers)
    if provider not in providers:
        raise ValueError(f"unknown provider `{provider}`{nearest(provider, providers)}")
    try:
        known = _known(settings)
    except DocumentError:
        return
    if place not in known:
        raise ValueError(f"no card describes `{place}`{nearest(place, sorted(known))}")
