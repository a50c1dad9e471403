"""`gateway ledger`: verify it, take from it what finance needs, take somebody out of it, close a month."""

from gateway.cli import ledger_close, ledger_export, ledger_forget, ledger_statement, ledger_verify
from gateway.cli.arguments import Verbs, verb

ACTIONS = (ledger_verify, ledger_export, ledger_statement, ledger_forget, ledger_close)


def add_to(verbs: Verbs) -> None:
    summary = "verify the ledger, export it, write statements, take somebody out of it, close a month"
    parser = verb(verbs, "ledger", summary, "gateway ledger verify")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ACTIONS:
        action.add_to(actions)
