"""Which call somebody means: by what clients have at hand, and never more than he may mean. Pure."""

import re
from typing import Any

import msgspec

from gateway.core.record import Record

# A UUIDv7 of before the year 2527, with its lines or without.
_RECORD = re.compile("(0[0-9a-f]{7})-?([0-9a-f]{4})-?(7[0-9a-f]{3})-?([0-9a-f]{4})-?([0-9a-f]{12})").fullmatch
# What translations put before an id that is another dialect's, or the gateway's own.
_PREFIXES = ("chatcmpl-", "msg_", "resp_")
MAX_ID = 512


class Wanted(msgspec.Struct, frozen=True):
    """A call of this tenant and team. `call`: the id of its record; empty: not known. `answers`: ids that its answer
    may have as the upstream gave it."""

    tenant: str
    team: str
    call: str = ""
    answers: tuple[str, ...] = ()


class Rated(msgspec.Struct, frozen=True):
    """A call that is the asker's own, as far as feedback about it needs. See `Record`."""

    id: str
    response_id: str = ""
    trace_id: str = ""
    obligations: str = ""

    @property
    def keeps_content(self) -> bool:
        """False where policy wanted that nothing of what was said is kept."""
        return "no_content" not in self.obligations


def by_request(tenant: str, team: str, request_id: str) -> Wanted | None:
    """The call with this id, as `x-request-id` told it; None: it cannot be one."""
    call = record_id(request_id)
    return Wanted(tenant, team, call) if call else None


def by_response(tenant: str, team: str, response_id: str) -> Wanted:
    """The call whose answer has this id. Where a translation made the id, it is another dialect's with a prefix, or the
    record's own."""
    names = [response_id[:MAX_ID]]
    for prefix in _PREFIXES:
        if response_id.startswith(prefix):
            names.append(response_id[len(prefix) : MAX_ID])
    call = next((found for name in names if (found := record_id(name))), "")
    return Wanted(tenant, team, call, tuple(dict.fromkeys(name for name in names if name)))


def record_id(text: str) -> str:
    """The id of a record as the ledger writes it; empty if it is none."""
    found = _RECORD(text.lower())
    return "" if found is None else "-".join(found.groups())


def began_ms(call: str) -> int:
    """Unix milliseconds at which a call with this id began."""
    return int(call[:8] + call[9:13], 16)


def rated_of_record(record: Record, wanted: Wanted) -> Rated | None:
    """The call of a journal's line, if it is the one that is wanted."""
    if (record.tenant, record.team) != (wanted.tenant, wanted.team):
        return None
    if record.id != wanted.call and (not record.response_id or record.response_id not in wanted.answers):
        return None
    return rated_of(record)


def rated_of(named: Any) -> Rated:
    return Rated(named.id, named.response_id, named.trace_id, named.obligations)
