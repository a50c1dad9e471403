"""What several verbs share on the command line."""

import argparse
from typing import Any

from gateway.core.days import begins

Verbs = Any  # argparse keeps the type of what add_subparsers returns to itself


def verb(verbs: Verbs, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """A sub-command with help that ends in an example."""
    return verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default="config.yaml", metavar="FILE", help="default: config.yaml in this folder")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def label(text: str) -> tuple[str, str]:
    """`name=value`, for argparse."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"a label is name=value, not {text!r}")
    return name, value


def moment(text: str) -> float:
    """A day or a moment as declared files write them, as Unix seconds, for argparse."""
    try:
        return begins(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day or moment such as 2026-11-01T12:00:00Z") from None
