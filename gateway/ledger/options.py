"""Where the ledger is: in the state folder, unless config.yaml names a PostgreSQL database."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gateway.core.extras import installing
from gateway.stores.documents import Document

SCHEMES = ("postgresql://", "postgres://")


class LedgerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    url: `postgresql://user:password@host:5432/database?sslmode=verify-full`, or what else libpq understands; best
        as `${env:LEDGER_URL}`. None: the embedded SQLite.
    read_url: a replica of the same database, which reports are read from; None: `url`.
    retention_months: calls, attempts and charges of months that ended longer ago are dropped; what they add up to
        stays. None: they stay too.
    connect_timeout_s, statement_timeout_s, silence_timeout_s: see `stores/postgres.py`. report_timeout_s: the
        longest that a report may take.
    """

    url: str | None = None
    read_url: str | None = None
    retention_months: Annotated[int, msgspec.Meta(ge=1, le=1200)] | None = None
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 5
    statement_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 20.0
    silence_timeout_s: Annotated[int, msgspec.Meta(ge=2, le=3_600)] = 15
    report_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0

    def __repr__(self) -> str:
        return f"LedgerOptions({'PostgreSQL' if self.url else 'SQLite'})"


class LedgerPlace(msgspec.Struct, frozen=True):
    """`file`: the SQLite database; it does not count if the options have a URL."""

    file: Path
    options: LedgerOptions = LedgerOptions()

    @property
    def name(self) -> str:
        """For people."""
        return "in PostgreSQL" if self.options.url is not None else str(self.file)


def check_ledger(document: Document[Any], options: LedgerOptions) -> None:
    """Raises:
    DocumentError: a URL that cannot be one; the message does not show it, for it may hold a password.
    """
    if options.url is None and options.read_url is not None:
        raise document.error(("ledger", "read_url"), "ledger.read_url is a replica of ledger.url, which is not given")
    for name in ("url", "read_url"):
        url: str | None = getattr(options, name)
        if url and not url.startswith(SCHEMES):
            raise document.error(("ledger", name), f"ledger.{name} must start with postgresql://")


def why_no_ledger(options: LedgerOptions) -> str:
    """What is missing to read or write it, in words; empty if nothing is. Whoever does neither needs no ledger, and so
    no environment that names one."""
    empty = [name for name in ("url", "read_url") if getattr(options, name) == ""]
    if empty:
        return f"ledger.{empty[0]} is empty: the environment does not hold it; without the line, the ledger is SQLite"
    return ""


def missing_extra(options: LedgerOptions) -> str:
    """The extra that these options need and that is not installed; empty if nothing is missing."""
    return "postgres" if options.url is not None and find_spec("psycopg") is None else ""


def why_not_installed(options: LedgerOptions) -> str:
    """The same in words: what to type."""
    extra = missing_extra(options)
    return f"ledger.url needs the extra `{extra}`: {installing(extra)}" if extra else ""
