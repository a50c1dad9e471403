"""`gateway`: one file per verb.

Must never: hold logic of its own; a verb reads options, asks a room, prints.

Exit codes: 0 done, 1 refused or found wrong (a message on stderr says what), 2 the command line is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from gateway import __version__
from gateway.cli import (
    alerts,
    cache,
    check,
    compare,
    compare_live,
    experiments,
    keys,
    ledger,
    models,
    policy,
    prices,
    prompts,
    reconcile,
    schema,
    serve,
    targets,
    usage,
)
from gateway.stores.documents import DocumentError

VERBS = (
    *(serve, check, keys, models, targets, policy, prompts, compare, compare_live, experiments),
    *(prices, cache, usage, ledger, reconcile, alerts, schema),
)

TWO_WORDS = frozenset({compare_live.VERB})


class CommandLine(argparse.ArgumentParser):
    """Whose verbs may be of two words where the first alone is a verb too: `compare live` beside `compare SUITE`."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  it has overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        two = " ".join(words[:2])
        return super().parse_known_args([two, *words[2:]] if two in TWO_WORDS else words, namespace)


def parser() -> argparse.ArgumentParser:
    """The whole command line; documentation is checked against it."""
    top = CommandLine(
        prog="gateway",
        description="An organisation's one door to generative AI.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"gateway {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=argparse.ArgumentParser)
    for verb in VERBS:
        verb.add_to(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except DocumentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
