"""What verbs that run suites have in common: which cases, how often, how much it may cost, where it is asked."""

import argparse
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from gateway.cli.arguments import add_config, add_gateway
from gateway.compare.running.selecting import Selection
from gateway.core.money import nano_from_decimal

LEVEL = 0.95


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Where and how it is asked."""
    add_config(parser)
    where = parser.add_argument_group("asking")
    add_gateway(where)
    where.add_argument(
        "--key-file", metavar="FILE", help="holds the key to ask with; default: the first key, in state_dir/demo.key"
    )
    where.add_argument("--concurrency", type=at_least_one, default=8, metavar="N", help="at once; default: 8")
    where.add_argument("--timeout", type=seconds, default=300.0, metavar="S", help="of one answer; default: 300")
    where.add_argument("--stream", action="store_true", help="ask for streams, and measure the time to the first token")
    where.add_argument(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="a field of every request, such as temperature=0 or max_tokens=200",
    )
    where.add_argument("--max-cost", type=money, metavar="AMOUNT", help="ask no more than that pays for")
    where.add_argument("--time-limit", type=seconds, metavar="S", help="begin nothing after so many seconds")
    where.add_argument("--run", dest="run_dir", metavar="DIR", help="note there what is done, and go on with what is")
    where.add_argument("--no-cache", action="store_true", help="use no answers of earlier runs, and keep none")


def add_cases(parser: argparse.ArgumentParser) -> None:
    """Which cases, and how they are judged."""
    which = parser.add_argument_group("cases")
    which.add_argument("--tags", type=words, default=(), metavar="A,B", help="only cases with one of these tags")
    which.add_argument("--filter", default="", metavar="PATTERN", help="only cases whose id or description has it")
    which.add_argument("--limit", type=at_least_one, metavar="N", help="only the first so many of those")
    which.add_argument(
        "--repeat",
        "--k",
        dest="repeat",
        type=at_least_one,
        metavar="K",
        help="ask each so often",
    )
    which.add_argument("--seed", type=int, default=0, metavar="N", help="of the order and of resampling; default: 0")
    how = parser.add_argument_group("grading")
    how.add_argument("--judge", metavar="MODEL", help="judges where the suite names nobody")
    how.add_argument("--embeddings", metavar="MODEL", help="makes vectors for `similar`")
    how.add_argument("--python", action="store_true", help="run the code of `python` assertions")
    how.add_argument(
        "--errors",
        choices=("count", "exclude"),
        default="count",
        help="what nobody answered fails (count), or is left out of all figures (exclude); default: count",
    )
    how.add_argument(
        "--metric", choices=("pass", "score"), help="what arms are compared by; default: the suite's, else pass"
    )
    how.add_argument("--margin", type=share, metavar="SHARE", help="how much worse is not worse; default: the suite's")
    how.add_argument("--level", type=level, default=LEVEL, metavar="SHARE", help=f"of confidence; default: {LEVEL:g}")


def add_writing(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    out = parser.add_argument_group("results")
    out.add_argument("--json", metavar="FILE", help="write all of it there; `-` prints it instead of tables")
    out.add_argument("--html", metavar="FILE", help="write it there as a page for whoever decides")
    out.add_argument("--markdown", metavar="FILE", help="write it there as a comment on a pull request; `-` prints it")
    out.add_argument("--csv", metavar="FILE", help="write a line there for each answer")
    out.add_argument("--inspect", metavar="DIR", help="write a log for each arm there, for `inspect view`")
    out.add_argument("--promptfoo", metavar="FILE", help="write it there as promptfoo does, for `promptfoo import`")
    out.add_argument("--junit", metavar="FILE", help="write it there as JUnit XML")
    out.add_argument("--quiet", action="store_true", help="no progress")


def selection_of(options: argparse.Namespace) -> Selection:
    return Selection(tags=options.tags, filter=options.filter, limit=options.limit, repeats=options.repeat)


def words(text: str) -> tuple[str, ...]:
    """`a,b`, for argparse."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not found:
        raise argparse.ArgumentTypeError("expected names with commas between")
    return found


def parameter(text: str) -> tuple[str, Any]:
    """`name=JSON`, or `name=text`, for argparse."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"a parameter is name=value, not {text!r}")
    if name in ("messages", "prompt", "stream"):
        raise argparse.ArgumentTypeError(f"`{name}` is what is asked, and no parameter of it")
    try:
        return name, msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return name, value


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def seconds(text: str) -> float:
    found = _number(text)
    if not 0 < found <= 86_400 * 7:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, of a week at most")
    return found


def share(text: str) -> float:
    found = _number(text)
    if not 0 <= found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, such as 0.02")
    return found


def level(text: str) -> float:
    found = _number(text)
    if not 0.5 <= found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a level of confidence, such as 0.95")
    return found


def money(text: str) -> int:
    """An amount of the price book's currency, as nano-units, for argparse."""
    try:
        found = nano_from_decimal(Decimal(text))
    except (InvalidOperation, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount such as 0.50: {error}") from None
    if found <= 0:
        raise argparse.ArgumentTypeError("nothing can be asked for nothing; give an amount such as 0.50")
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
