"""Which database labels are in: one line of config.yaml decides."""

from typing import TYPE_CHECKING

from gateway.core.clock import Clock, SystemClock
from gateway.core.extras import installing
from gateway.prompts.labels.following import LabelFollower, SqliteSource
from gateway.prompts.labels.options import LabelPlace, missing_extra
from gateway.prompts.labels.sqlite import SqliteDatabase
from gateway.prompts.labels.store import LabelStore
from gateway.stores.reading import StoreUnavailable

if TYPE_CHECKING:
    from gateway.stores.postgres import PostgresOptions


def open_labels(place: LabelPlace, clock: Clock | None = None) -> LabelStore:
    """The store, to be entered.

    Raises:
        StoreUnavailable: config.yaml names a database, and what speaks to it is not installed.
    """
    clock = clock or SystemClock()
    if place.options.url is None:
        return LabelStore(SqliteDatabase(place.file), clock)
    _check_installed(place)
    from gateway.prompts.labels.postgres import PostgresDatabase  # an extra: not everybody has it

    return LabelStore(PostgresDatabase(place.options.url, _bounds(place)), clock)


def follow_labels(place: LabelPlace, clock: Clock | None = None) -> LabelFollower:
    """Who knows where labels stand, and hears when they move. Raises as `open_labels`."""
    clock = clock or SystemClock()
    if place.options.url is None:
        return LabelFollower(SqliteSource(place.file), place.snapshot, clock)
    _check_installed(place)
    from gateway.prompts.labels.postgres import PostgresSource

    return LabelFollower(PostgresSource(place.options.url, _bounds(place)), place.snapshot, clock)


def _check_installed(place: LabelPlace) -> None:
    if extra := missing_extra(place.options):
        raise StoreUnavailable(f"prompts.url needs the extra `{extra}`: {installing(extra)}")


def _bounds(place: LabelPlace) -> "PostgresOptions":
    from gateway.stores.postgres import PostgresOptions

    options = place.options
    return PostgresOptions(
        connect_timeout_s=options.connect_timeout_s,
        statement_timeout_s=options.statement_timeout_s,
        silence_timeout_s=options.silence_timeout_s,
    )
