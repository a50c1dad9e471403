"""`gateway policy impact`: the ledger's real traffic tried on a proposed policy, before it is merged."""

import argparse
import gc
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.access.impact import impact_of
from gateway.access.replaying import Side
from gateway.cli.arguments import Verbs, add_config, date_time, since, verb
from gateway.cli.impact_markdown import comment
from gateway.cli.impact_words import Told, as_json, print_impact
from gateway.cli.output import print_json
from gateway.config import read_config
from gateway.identity.callers import admitted
from gateway.identity.keystore import known_keys
from gateway.ledger.decisions import decision_inputs
from gateway.ledger.store import LedgerUnavailable
from gateway.policyset import CALLS, PolicySet, parse_policies, policy_texts


def add_impact(actions: Verbs) -> None:
    """Add `impact` to the actions of the verb `policy`."""
    example = "gateway policy impact --proposed ../pull-request/policies --since 7d --markdown"
    parser = verb(actions, "impact", "try a proposed policy on the calls that were really made", example)
    add_config(parser)
    parser.add_argument("--proposed", metavar="DIR", required=True, help="the folder of proposed policies")
    parser.add_argument(
        "--proposed-config", metavar="FILE", help="the config.yaml that goes with it; default: --config"
    )
    parser.add_argument("--policies", metavar="DIR", help="what it is compared with; default: the folder in force")
    parser.add_argument("--since", type=since, default="7d", metavar="WHEN", help="7d, 24h, or ISO; default: 7d")
    parser.add_argument("--until", type=date_time, metavar="WHEN", help="the moment after the last, ISO; default: now")
    parser.add_argument("--tenant", help="only calls of this tenant")
    parser.add_argument("--team", help="only calls of this team")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, which has everything")
    form.add_argument("--markdown", action="store_true", help="print a comment for a pull request")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if any call would be newly refused")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    gc.disable()  # all that is read is kept to the end: to look through it again and again takes a third of the time
    try:
        told = _told(options)
    except (LedgerUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        gc.enable()
    if options.json:
        print_json(as_json(told))
    elif options.markdown:
        sys.stdout.write(comment(told))
    else:
        print_impact(told)
    return 1 if options.exit_code and told.impact.newly_refused.calls else 0


def _told(options: argparse.Namespace) -> Told:
    settings = read_config(Path(options.config))
    wiring = settings.wiring
    proposed = read_config(Path(options.proposed_config)).wiring if options.proposed_config else wiring
    before = parse_policies(policy_texts(Path(options.policies or settings.policies_dir)), wiring)
    after = parse_policies(policy_texts(Path(options.proposed)), proposed)
    now, began = datetime.now(UTC), time.monotonic()
    traffic = decision_inputs(
        settings.ledger, options.since.at, options.until, tenant=options.tenant, team=options.team
    )
    impact = impact_of(traffic, _side(before), _side(after), frozenset(CALLS), now.timestamp())
    elapsed_s = time.monotonic() - began
    ids = {use.id for group in impact.groups for use in group.keys}
    until = None if options.until is None else _iso(options.until)
    return Told(
        impact=impact,
        period=options.since.words if until is None else f"from {_iso(options.since.at)} to {until}",
        since=_iso(options.since.at),
        until=until,
        at=_iso(now),
        before=before.digest,
        after=after.digest,
        keys=known_keys(settings.state_dir / "identity.db", sorted(ids)),
        elapsed_s=elapsed_s,
    )


def _side(policies: PolicySet) -> Side:
    return Side(policies.access, policies.catalogue, lambda caller: admitted(caller, policies.tenants))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
