"""Live comparisons written into files: a page, a comment, a sheet, JSON."""

import argparse
import sys
from collections.abc import Callable, Sequence

from gateway.cli.output import json_lines, print_json
from gateway.cli.report_files import PRINTED, write_forms, written_besides
from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live
from gateway.compare.reporting.live.comment import live_comment
from gateway.compare.reporting.live.page import live_page
from gateway.compare.reporting.live.sheet import live_sheet

TITLE = "gateway compare live"


def add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", nargs="?", const=PRINTED, metavar="FILE", help="print JSON, or write it there as well"
    )
    parser.add_argument("--html", metavar="FILE", help="write it there as a page for whoever decides")
    parser.add_argument("--markdown", metavar="FILE", help="write it there as a comment; `-` prints it")
    parser.add_argument("--csv", metavar="FILE", help="write a line there for each arm")


def printed(options: argparse.Namespace, found: Live, measures: Sequence[Measure]) -> bool:
    """Print what is asked for with `-` instead of tables; whether anything was."""
    if options.json == PRINTED:
        print_json(found)
    elif options.markdown == PRINTED:
        sys.stdout.write(live_comment(found, measures, TITLE, written_besides(options)))
    else:
        return False
    return True


def write_reports(options: argparse.Namespace, found: Live, measures: Sequence[Measure]) -> bool:
    """Write what was asked for; whether all of it could be."""
    forms: dict[str, Callable[[], bytes]] = {
        "json": lambda: json_lines(found),
        "html": lambda: live_page(found, measures, TITLE).encode(),
        "markdown": lambda: live_comment(found, measures, TITLE, written_besides(options)).encode(),
        "csv": lambda: live_sheet(found).encode("utf-8", "replace"),
    }
    return write_forms(options, forms)
