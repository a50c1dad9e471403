"""Exports of the ledger as config.yaml and the policies name things: used by the command line and by the admin API."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from gateway.config import Settings
from gateway.identity.tenants import Tenants
from gateway.ledger.focus.columns import Version
from gateway.ledger.focus.lines import LeftOut, Period, left_out, lines
from gateway.ledger.focus.naming import Provided, namer
from gateway.ledger.focus.rows import Maker, Value
from gateway.ledger.focus.writing import csv_pieces
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.stores.documents import DocumentError, read_text
from gateway.stores.yamltree import build

Row = dict[str, Value]


def focus_maker(settings: Settings, tenants: Tenants, currency: str) -> Maker:
    """Rows with the providers' names as config.yaml has them, and the teams' as tenants.yaml has them."""
    config = settings.config
    provided = {name: Provided(one.kind, one.region or one.location) for name, one in config.providers.items()}
    teams = team_names(tenants)
    naming = namer(config.focus, provided)
    return Maker(naming, currency, lambda tenant, team: teams.get((tenant, team), ""))


def team_names(tenants: Tenants) -> dict[tuple[str, str], str]:
    """What people call a (tenant, team); empty: nothing."""
    return {(tenant.id, team.id): team.name for tenant in tenants.tenants for team in tenant.teams}


def currency_of(settings: Settings) -> str:
    """The price book's currency, whether the rest of the book is in order or not: exports are of what was priced then.

    Raises:
        DocumentError: the book cannot be read.
    """
    path = settings.policies_dir / "prices.yaml"
    text = read_text(path)
    plain, _ = build(text.data, text.name)
    found = plain.get("currency") if isinstance(plain, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(found, str):
        raise DocumentError(str(path), 0, "the price book names no `currency`")
    return found


class Export(msgspec.Struct, frozen=True):
    """`rows`: to be taken once, while it is open. `left_out`: charges without a known price, which are not in them."""

    rows: Iterator[Row]
    left_out: list[LeftOut]


@contextmanager
def focus_export(place: LedgerPlace, maker: Maker, period: Period) -> Generator[Export]:
    """A period of the ledger as FOCUS, from one snapshot of it.

    Raises:
        ValueError: the period is none. LedgerUnavailable: the ledger cannot be read, at first or later on.
    """
    period.bounds()
    with ledger_reader(place) as reader:
        if reader is None:
            yield Export(iter(()), [])
        else:
            yield Export(map(maker.row, lines(reader, period)), left_out(reader, period))


def focus_csv(place: LedgerPlace, maker: Maker, period: Period, version: Version) -> tuple[Generator[bytes], int]:
    """The same as pieces of CSV, and how many charges are left out. Closing the pieces ends the reading."""

    def made() -> Generator[bytes]:
        with focus_export(place, maker, period) as export:
            yield str(sum(one.charges for one in export.left_out)).encode()
            yield from csv_pieces(export.rows, version)

    pieces = made()
    return pieces, int(next(pieces))


def last_whole(bucket: str, now: datetime) -> datetime:
    """The end of the last hour or day of UTC that is over."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if bucket == "hour" else hour.replace(hour=0)
