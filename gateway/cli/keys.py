"""`gateway keys`: create, list, rotate and revoke the keys that callers use. Works whether the gateway runs or not; a
running one follows within a second."""

import argparse
import getpass
import math
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.cli.arguments import Verbs, add_config, add_json, label, verb
from gateway.cli.output import print_json, print_table
from gateway.config import read_config
from gateway.core.clock import SystemClock
from gateway.core.faults import Fault
from gateway.identity.keys import NewKey
from gateway.identity.keystore import MAX_OVERLAP_S, KeyInfo, KeyRequest, KeyStore
from gateway.identity.tenants import read_tenants

DAY_S = 86_400.0


def add_to(verbs: Verbs) -> None:
    parser = verb(
        verbs,
        "keys",
        "create, list, rotate and revoke keys",
        "gateway keys create --tenant demo --team quickstart --owner me@example.com",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = verb(
        actions,
        "create",
        "make a key; it is shown this once",
        "gateway keys create --tenant demo --team quickstart --owner me@example.com --label env=dev --expires-days 90",
    )
    create.add_argument("--tenant", required=True)
    create.add_argument("--team", required=True)
    create.add_argument("--owner", required=True, help="who answers for it, such as an e-mail address")
    create.add_argument("--name", default="", help="what it is for")
    create.add_argument("--label", type=label, action="append", default=[], metavar="NAME=VALUE")
    create.add_argument("--expires-days", type=_days, metavar="DAYS", help="default: it does not expire")
    listing = verb(actions, "list", "show all keys, without their secrets", "gateway keys list")
    rotate = verb(
        actions, "rotate", "make a successor; the old key overlaps", "gateway keys rotate key_… --overlap-hours 24"
    )
    rotate.add_argument("id")
    rotate.add_argument(
        "--overlap-hours", type=_hours, default=24.0, metavar="HOURS", help="how long the old key works on; default: 24"
    )
    revoke = verb(actions, "revoke", "end a key within a second", "gateway keys revoke key_…")
    revoke.add_argument("id")
    for action, function in ((create, _create), (listing, _list), (rotate, _rotate), (revoke, _revoke)):
        add_config(action)
        add_json(action)
        action.set_defaults(run=_run, act=function)


def actor() -> str:
    """Who is at this terminal, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return f"cli:{os.getuid()}"


def _days(text: str) -> float:
    return _number(text, "days", least=0.001, most=36_500)


def _hours(text: str) -> float:
    return _number(text, "hours", least=0, most=MAX_OVERLAP_S / 3600)


def _number(text: str, unit: str, least: float, most: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not least <= found <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} between {least:g} and {most:,.0f}")
    return found


def _run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        with KeyStore(settings.state_dir / "identity.db", SystemClock()) as store:
            return options.act(options, store, settings.policies_dir)
    except Fault as fault:
        print(f"error: {fault.message}", file=sys.stderr)
        return 1


def _create(options: argparse.Namespace, store: KeyStore, policies: Path) -> int:
    if not read_tenants(policies / "tenants.yaml").declares(options.tenant, options.team):
        print(
            f"error: the team `{options.team}` of tenant `{options.tenant}` is not declared in "
            f"{policies / 'tenants.yaml'}; declare it there first",
            file=sys.stderr,
        )
        return 1
    request = KeyRequest(
        tenant=options.tenant,
        team=options.team,
        owner=options.owner,
        name=options.name,
        labels=dict(options.label),
        expires_in_s=None if options.expires_days is None else options.expires_days * DAY_S,
    )
    info, key = store.create(request, actor())
    _show_new(options, info, key)
    return 0


def _rotate(options: argparse.Namespace, store: KeyStore, _policies: Path) -> int:
    info, key = store.rotate(options.id, options.overlap_hours * 3600, actor())
    _show_new(options, info, key)
    return 0


def _revoke(options: argparse.Namespace, store: KeyStore, _policies: Path) -> int:
    info = store.revoke(options.id, actor())
    if options.json:
        print_json(info)
    else:
        print(f"{info.id} is revoked")
    return 0


def _list(options: argparse.Namespace, store: KeyStore, _policies: Path) -> int:
    keys: list[KeyInfo] = []
    while page := store.page(keys[-1].id if keys else ""):
        keys += page
    if options.json:
        print_json([{**msgspec.to_builtins(info), "state": _state(info)} for info in keys])
        return 0
    headings = ["id", "key", "tenant", "team", "owner", "name", "labels", "created", "expires", "state"]
    print_table(headings, [_line(info) for info in keys])
    return 0


def _line(info: KeyInfo) -> list[str]:
    labels = ",".join(f"{name}={value}" for name, value in info.labels.items())
    expires = "" if info.expires_at is None else _day(info.expires_at)
    names = [info.id, f"{info.shown}…", info.tenant, info.team, info.owner, info.name, labels]
    return [*names, _day(info.created_at), expires, _state(info)]


def _state(info: KeyInfo) -> str:
    """A key that has a successor works on for its overlap, then it is expired."""
    if info.revoked_at:
        return "revoked"
    if info.expires_at is not None and info.expires_at <= SystemClock.now():
        return "expired"
    return "rotated" if info.rotated_to else "valid"


def _day(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")


def _show_new(options: argparse.Namespace, info: KeyInfo, key: NewKey) -> None:
    if options.json:
        print_json({"key": key.clear, **msgspec.to_builtins(info)})
        return
    print(f"{key.clear}\n\n{info.id}, team {info.team} of {info.tenant}. This is the only time the key is shown.")
