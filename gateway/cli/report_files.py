"""Reports of several forms written into files, or one of them printed."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.cli.output import whole_file

# Instead of a file: printed, and no tables.
PRINTED = "-"


def check_printing(options: argparse.Namespace) -> None:
    """Before anything is asked and paid for.

    Raises:
        ValueError: two forms are to be printed into one another.
    """
    if options.json == PRINTED and options.markdown == PRINTED:
        raise ValueError("--json and --markdown cannot both be printed; give one of them a file")


def written_besides(options: argparse.Namespace) -> str:
    """The file that has more than a comment: the page, or else the JSON; empty: there is none."""
    return next((path for path in (options.html, options.json) if path and path != PRINTED), "")


def write_forms(options: argparse.Namespace, forms: Mapping[str, Callable[[], bytes]]) -> bool:
    """Each form into the file that its option names, if any; whether all of it could be."""
    told = True
    for form, made in forms.items():
        path = getattr(options, form)
        if path and path != PRINTED:
            told &= write_file(Path(path), made())
    return told


def write_file(path: Path, data: bytes) -> bool:
    """Whether it could be; if not, why is said."""
    try:
        with whole_file(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        print(f"error: {path}: {error.strerror or error}", file=sys.stderr)
        return False
    return True
