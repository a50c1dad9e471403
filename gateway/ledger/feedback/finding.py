"""Whose call is it? The newest lines of the journals, then the ledger, then what of the journals is not in it yet.

                         in the last lines of a journal → found
the ledger is there      in it                          → found
                         beyond what is drained         → found, else not there
                         a journal has gone meanwhile   → the ledger is asked again
the ledger is away       in the journals                → found, else nobody can say
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.ledger.feedback.journaled import Searched, search
from gateway.ledger.feedback.wanting import Rated, Wanted
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.sums import HOUR_NS
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

PACKAGE = "gateway.ledger.feedback"
# How far back calls are known by the ids of their answers; by their own ids, as long as they are kept.
RESPONSE_DAYS = 30
# Of each journal, before anything else: some hundred calls.
TAIL_BYTES = 256 * 1024
# Someone waits for the answer.
CONNECT_S, STATEMENT_S = 2, 3.0
_TRIES = 3


class Found(msgspec.Struct, frozen=True):
    """`rated` is None where there is no such call of the asker's own; with `away` nobody can say, and this is why."""

    rated: Rated | None = None
    away: str = ""


def find_calls(place: LedgerPlace, folder: Path, wanted: Sequence[Wanted], clock: Clock) -> list[Found]:
    """The calls that are wanted, in this order. What is not the asker's own is not there, whoever's it is. Blocks."""
    found: dict[Wanted, Rated] = {}
    away = ""
    try:
        found |= search(folder, wanted, lambda _, size: max(0, size - TAIL_BYTES)).found
        if left := [one for one in wanted if one not in found]:
            stored, away = _in_ledger(hurried(place), folder, left, clock)
            found |= stored
    except (LedgerUnavailable, OSError) as error:
        away = str(error)
        left = [one for one in wanted if one not in found]
        try:
            found |= search(folder, left, lambda _name, _size: 0).found
        except OSError as other:
            away = f"{away}; {other}"
    return [Found(found[one]) if one in found else Found(away=away) for one in wanted]


def _in_ledger(
    place: LedgerPlace, folder: Path, wanted: Sequence[Wanted], clock: Clock
) -> tuple[dict[Wanted, Rated], str]:
    """Those that are there or on their way there; and why nobody can say of the others, if so.

    Raises:
        LedgerUnavailable: it cannot be read. OSError: a journal cannot be.
    """
    found: dict[Wanted, Rated] = {}
    for _ in range(_TRIES):
        left = [one for one in wanted if one not in found]
        drained: dict[str, int] = {}
        with ledger_reader(place) as reader:
            if reader is not None:
                rows = reader.rows(reader.queries["offsets_of_all"])
                drained = {row["segment"]: row["offset"] for row in rows}
                found |= {one: rated for one in left if (rated := _stored(reader, one, clock)) is not None}
        left = [one for one in left if one not in found]
        if not left:
            break
        beyond = _beyond(folder, left, drained)
        found |= beyond.found
        if beyond.much:
            return found, "the ledger is behind: more is still to be written to it than can be looked at"
        if not beyond.gone:
            break
    return found, ""


def _beyond(folder: Path, wanted: Sequence[Wanted], drained: Mapping[str, int]) -> Searched:
    return search(folder, wanted, lambda name, _: drained.get(name, 0))


def _stored(reader: Reader, wanted: Wanted, clock: Clock) -> Rated | None:
    queries, who = named_queries(PACKAGE), {"tenant": wanted.tenant, "team": wanted.team}
    row = None
    if wanted.call:
        row = reader.one(queries["call"], {"id": wanted.call, **who})
    if row is None and wanted.answers:
        last = clock.now_ns() // HOUR_NS
        hours = ", ".join(map(str, range(last - 24 * RESPONSE_DAYS, last + 2)))
        names = {f"r{number}": name for number, name in enumerate(wanted.answers)}
        query = queries["call_of_response"].format(hours=hours, names=", ".join(f":{name}" for name in names))
        row = reader.one(query, {**names, **who})
    return None if row is None else Rated(**row)


def hurried(place: LedgerPlace) -> LedgerPlace:
    """The same ledger for somebody who waits: the database that is written to, not its replica, which may be behind."""
    quick = msgspec.structs.replace(
        place.options,
        read_url=None,
        connect_timeout_s=min(CONNECT_S, place.options.connect_timeout_s),
        report_timeout_s=min(STATEMENT_S, place.options.report_timeout_s),
    )
    return LedgerPlace(place.file, quick)
