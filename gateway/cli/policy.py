"""`gateway policy`: rules tested, compared, explained and tried on real traffic before they are merged."""

from gateway.cli.arguments import Verbs, verb
from gateway.cli.policy_at import add_at
from gateway.cli.policy_diff import add_diff
from gateway.cli.policy_explain import add_explain
from gateway.cli.policy_history import add_history
from gateway.cli.policy_impact import add_impact
from gateway.cli.policy_sign import add_sign
from gateway.cli.policy_test import add_test

# One file a verb; each adds its own.
ACTIONS = (add_test, add_diff, add_explain, add_impact, add_at, add_history, add_sign)


def add_to(verbs: Verbs) -> None:
    parser = verb(verbs, "policy", "test, compare, explain and sign policies", "gateway policy test")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for add in ACTIONS:
        add(actions)
