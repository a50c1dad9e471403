"""`gateway ledger`: what finance takes from the ledger."""

from gateway.cli import ledger_export, ledger_statement
from gateway.cli.arguments import Verbs, verb

ACTIONS = (ledger_export, ledger_statement)


def add_to(verbs: Verbs) -> None:
    summary = "export the ledger as FOCUS, and statements of what teams used"
    parser = verb(verbs, "ledger", summary, "gateway ledger export --focus 1.4 --month 2026-10 --out october.csv")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ACTIONS:
        action.add_to(actions)
