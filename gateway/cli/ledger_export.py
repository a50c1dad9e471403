"""`gateway ledger export`: a period of the ledger as a FOCUS dataset."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from gateway.cli.arguments import Verbs, add_config, date_time, month, verb
from gateway.cli.output import printable, whole_file
from gateway.config import read_config
from gateway.core.extras import installing
from gateway.exports import Row, currency_of, focus_export, focus_maker, last_whole
from gateway.identity.tenants import read_tenants
from gateway.ledger.focus.columns import NEWEST, VERSIONS, Version
from gateway.ledger.focus.lines import LeftOut, Period
from gateway.ledger.focus.writing import csv_pieces, parquet_missing, write_parquet
from gateway.ledger.store import LedgerUnavailable

SHOWN = 20


def add_to(actions: Verbs) -> None:
    parser = verb(
        actions,
        "export",
        "write charges as FOCUS, the FinOps Open Cost and Usage Specification",
        "gateway ledger export --focus 1.4 --month 2026-10 --out october.parquet",
    )
    add_config(parser)
    parser.add_argument("--focus", choices=VERSIONS, default=NEWEST, help=f"its version; default: {NEWEST}")
    parser.add_argument("--month", type=month, metavar="YYYY-MM", help="a calendar month of UTC")
    parser.add_argument("--since", type=date_time, metavar="WHEN", help="first moment: ISO date or time, UTC")
    parser.add_argument("--until", type=date_time, metavar="WHEN", help="the moment after the last")
    parser.add_argument("--by", choices=("hour", "day"), default="hour", help="a charge period; default: hour")
    parser.add_argument("--tenant", help="only this tenant")
    parser.add_argument("--team", help="only this team of the tenant")
    parser.add_argument("--out", type=Path, metavar="FILE", help=".csv or .parquet; default: CSV to standard output")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if something has no price")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    out: Path | None = options.out
    parquet = out is not None and out.suffix == ".parquet"
    if parquet and parquet_missing():
        return _wrong(f"Parquet needs the extra `parquet`: {installing('parquet')}")
    maker = focus_maker(settings, read_tenants(settings.policies_dir / "tenants.yaml"), currency_of(settings))
    try:
        period = _period(options)
        with focus_export(settings.ledger, maker, period) as export:
            _tell(export.left_out)
            rows = Counted(export.rows)
            _write(rows, options.focus, out, parquet)
            _told(rows.count, period, out)
    except (ValueError, LedgerUnavailable, OSError) as error:
        return _wrong(str(error))
    return 1 if options.strict and export.left_out else 0


def _period(options: argparse.Namespace) -> Period:
    """Raises:
    ValueError: the options say no period.
    """
    since, until = options.since, options.until
    if options.month is not None:
        if since is not None or until is not None:
            raise ValueError("give --month, or --since and --until")
        since, until = options.month.begin, options.month.after().begin
    if since is None:
        raise ValueError("give --month, or --since and perhaps --until")
    if options.team is not None and options.tenant is None:
        raise ValueError("a team is one of a tenant: give --tenant too")
    scope = {word: value for word in ("tenant", "team") if (value := getattr(options, word)) is not None}
    return Period(since, until or last_whole(options.by, datetime.now(UTC)), options.by, scope)


class Counted:
    """Rows, and how many have passed."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _told(count: int, period: Period, out: Path | None) -> None:
    """On standard error: standard output may be the export."""
    if not count:
        print(f"nothing was charged from {period.since:%Y-%m-%d} to {period.until:%Y-%m-%d}", file=sys.stderr)
    elif out is not None:
        print(f"{count:,} {'row' if count == 1 else 'rows'} in {out}", file=sys.stderr)


def _write(rows: Iterable[Row], version: Version, out: Path | None, parquet: bool) -> None:
    if out is None:
        _copy(rows, version, sys.stdout.buffer)
        return
    if parquet and out.exists() and not out.is_file():
        raise ValueError(f"{out} is no file, and Parquet needs one")
    with whole_file(out) as unfinished:
        if parquet:
            write_parquet(rows, version, unfinished)
            return
        with unfinished.open("wb") as file:
            _copy(rows, version, file)


def _copy(rows: Iterable[Row], version: Version, file: IO[bytes]) -> None:
    for piece in csv_pieces(rows, version):
        file.write(piece)
    file.flush()


def _tell(left_out: Sequence[LeftOut]) -> None:
    if not left_out:
        return
    charges = sum(one.charges for one in left_out)
    print(f"warning: {charges:,} charges have no known price and are NOT in this export:", file=sys.stderr)
    for one in left_out[:SHOWN]:
        what = printable(f"{one.target or one.provider} {one.meter}")
        print(f"  {what}: {one.charges:,} charges, quantity {one.quantity:,}", file=sys.stderr)
    if len(left_out) > SHOWN:
        print(f"  and {len(left_out) - SHOWN} more", file=sys.stderr)
    print("give them a price in policies/prices.yaml", file=sys.stderr)


def _wrong(said: str) -> int:
    print(f"error: {said}", file=sys.stderr)
    return 1
