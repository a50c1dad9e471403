"""What several verbs share on the command line."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.config import Settings
from gateway.core import days
from gateway.ledger.months import Month, month_named

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


def add_gateway(parser: Any) -> None:
    """Where the gateway listens that is asked; see `gateway_url`. `parser`: one, or a group of one, which has no public
    type."""
    parser.add_argument("--gateway", "--url", dest="gateway", metavar="URL", help="default: where config.yaml has it")


def gateway_url(options: argparse.Namespace, settings: Settings) -> str:
    """Below which `/v1/...` is: what `--gateway` says, with `/v1` or without, or where config.yaml lets it listen."""
    server = settings.config.server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104  compared, not listened on
    here = f"http{'s' if server.tls else ''}://{host}:{server.port}"
    return (options.gateway or here).rstrip("/").removesuffix("/v1")


def label(text: str) -> tuple[str, str]:
    """`name=value`, for argparse."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"a label is name=value, not {text!r}")
    return name, value


def port(text: str) -> int:
    """A port to listen on, for argparse."""
    return _whole(text, "a port", "1 to 65535", range(1, 65_536))


def workers(text: str) -> int:
    """How many processes answer, for argparse."""
    return _whole(text, "a number of workers", "1 or more, one for each core as a rule", range(1, 10_000))


def _whole(text: str, what: str, allowed: str, among: range) -> int:
    """What is wrong is said here: later nobody could tell that it did not come out of config.yaml."""
    try:
        if (number := int(text)) in among:
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text[:100]!r} is not {what}; allowed are {allowed}")


def moment(text: str) -> float:
    """A day or a moment as declared files write them, as Unix seconds, for argparse."""
    try:
        return days.begins(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day or moment such as 2026-11-01T12:00:00Z") from None


def date_time(text: str) -> datetime:
    """An ISO date or time, UTC if it names no zone, for argparse."""
    try:
        return days.date_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO date or time, such as 2026-11-01") from None


class Since(msgspec.Struct, frozen=True):
    """The beginning of a period that lasts until now, and the period in words."""

    at: datetime
    words: str


_AGO = re.compile(r"([1-9]\d{0,3})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def since(text: str) -> Since:
    """`24h`, `7d`, `4w`, or an ISO date or time, for argparse."""
    if (ago := _AGO.fullmatch(text)) is not None:
        count, unit = int(ago[1]), _UNITS[ago[2]]
        at = datetime.now(UTC) - timedelta(**{unit: count})
        return Since(at, f"in the last {unit[:-1] if count == 1 else f'{count} {unit}'}")
    try:
        at = date_time(text)
    except argparse.ArgumentTypeError:
        said = f"{text!r} is neither an ISO date or time, such as 2026-11-01, nor like 24h, 7d or 4w"
        raise argparse.ArgumentTypeError(said) from None
    return Since(at, f"since {at:%Y-%m-%d %H:%M} UTC" if at.tzinfo is UTC else f"since {at.isoformat()}")


def month(text: str) -> Month:
    """`2026-10`, for argparse."""
    try:
        return month_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
