"""`gateway experiments`: what routes' experiments have come to, and going on with one. Works whether the gateway runs
or not; a running one follows within a second."""

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
from gateway.core.days import written
from gateway.core.experiment import LOOKED
from gateway.experiments import looked, periods_of, resume
from gateway.identity.keystore import KeyStore
from gateway.policyset import read_policies
from gateway.router.decided import FOLDER, RolledBack, read_over
from gateway.router.experiments import Running, shares_of
from gateway.stores.wording import nearest

CLOCK = SystemClock()


def add_to(verbs: Verbs) -> None:
    summary = "show what experiments of routes have come to, and go on with one"
    parser = verb(verbs, "experiments", summary, "gateway experiments list")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = verb(actions, "list", "show all arms, their parts of the calls, and why some have none",
                   "gateway experiments list")  # fmt: skip
    going_on = verb(actions, "resume", "give an arm that was stopped calls again, and begin to count anew",
                    "gateway experiments resume fast openai/gpt-4o-mini")  # fmt: skip
    going_on.add_argument("route", metavar="ROUTE")
    going_on.add_argument("arm", metavar="PROVIDER/MODEL")
    for action, function in ((listing, _list), (going_on, _resume)):
        add_config(action)
        add_json(action)
        action.set_defaults(run=_run, act=function)


def _run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    routes = read_policies(settings.policies_dir, settings.wiring).routes
    running = {name: rule.experiment for name, rule in routes.rules.items() if rule.experiment is not None}
    try:
        return options.act(options, settings, running)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _list(options: argparse.Namespace, settings: Settings, running: dict[str, Running]) -> int:
    folder = settings.state_dir / FOLDER
    over, now = read_over(folder), CLOCK.now()
    seen = {one.route: one for one in looked(settings.run_dir / LOOKED)}
    if options.json:
        print_json(
            [
                {
                    "route": name,
                    "since": one.experiment.since,
                    "base": one.base,
                    "arms": [
                        {"target": place, "share": share, "stopped": _ended(over.get(one.ids[place]))}
                        for place, share in shares_of(one, over, now, periods_of(folder, one)).items()
                    ],
                    "last_look": seen.get(name),
                }
                for name, one in running.items()
            ]
        )
        return 0
    rows = [
        [printable(name), place, f"{share:.3g}", *_state(one, place, over.get(one.ids[place]), now)]
        for name, one in running.items()
        for place, share in shares_of(one, over, now, periods_of(folder, one)).items()
    ]
    if not rows and not seen:
        print("no route has an experiment, and no prompt that a gateway has seen")
        return 0
    if rows:
        print_table(["route", "arm", "share", "state", "since", "reason"], rows)
    for name, one in seen.items():
        for said in (one.problem and f"nothing is decided: {one.problem}", *one.said):
            if said:
                print(f"{printable(name)}: {printable(said)}")
    return 0


def _ended(one: RolledBack | None) -> dict[str, object] | None:
    return None if one is None else {**msgspec.to_builtins(one), "at": written(one.at)}


def _state(one: Running, place: str, ended: RolledBack | None, now: float) -> list[str]:
    if ended is not None:
        at = f"{datetime.fromtimestamp(ended.at, UTC):%Y-%m-%d %H:%M}"
        return ["last resort" if ended.last_resort else "stopped", at, printable(ended.reason)]
    return ["waiting" if now < one.from_s else "base" if place == one.base else "running", one.experiment.since, ""]


def _resume(options: argparse.Namespace, settings: Settings, running: dict[str, Running]) -> int:
    one = running.get(options.route)
    if one is None:
        raise ValueError(f"no route `{options.route}` has an experiment{nearest(options.route, list(running))}")
    if options.arm not in one.ids:
        raise ValueError(f"`{options.arm}` is none of its arms{nearest(options.arm, list(one.ids))}")
    if not resume(settings.state_dir / FOLDER, one, options.arm, CLOCK.now()):
        raise ValueError(f"{options.arm} is not stopped")
    with KeyStore(settings.state_dir / "identity.db", CLOCK) as store:
        store.note(actor(), "experiment.resume", f"{options.route} {options.arm}", {})
    if options.json:
        print_json({"route": options.route, "target": options.arm})
    else:
        print(f"{options.arm} gets calls of {options.route} again, and is judged by those from now on")
    return 0
