"""`gateway prompts`: prompts as versioned files: looked at, rendered, published, found by labels that move, and brought
here from elsewhere, or there."""

from gateway.cli.arguments import Verbs, verb
from gateway.cli.prompts_capture import add_capture
from gateway.cli.prompts_check import add_check
from gateway.cli.prompts_export import add_export
from gateway.cli.prompts_history import add_history
from gateway.cli.prompts_import import add_import
from gateway.cli.prompts_label import add_label
from gateway.cli.prompts_list import add_list
from gateway.cli.prompts_publish import add_publish
from gateway.cli.prompts_render import add_render
from gateway.cli.prompts_rollback import add_rollback
from gateway.cli.prompts_show import add_show
from gateway.cli.prompts_test import add_test
from gateway.cli.prompts_tune import add_tune

# One file a verb; each adds its own.
ACTIONS = (
    *(add_list, add_show, add_render, add_check, add_test, add_tune, add_publish, add_label, add_rollback, add_history),
    *(add_capture, add_import, add_export),
)


def add_to(verbs: Verbs) -> None:
    summary = "list, render, test, tune, publish, check, import and export prompts, and move their labels"
    parser = verb(verbs, "prompts", summary, "gateway prompts list")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for add in ACTIONS:
        add(actions)
