"""A provider's own usage objects, kept as they came, and what a price depends on besides the counts.

Counts can be read wrong, and prices change: with the very bytes of the JSON value every call can be read and priced
again. They are bounded: an upstream must not fill the ledger, and no answer breaks because of them.
"""

from functools import lru_cache

import msgspec

from gateway.core.attempt import Terms
from gateway.core.call import Served
from gateway.core.conversation import Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.costs import reported_nano
from gateway.dialects.reading import decoded

MAX_RAW = 16 * 1024
MAX_TERM = 64
_open = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NONE = msgspec.Raw()
_NOTHING, _UNSAID = Usage(), Served().terms
_EMPTY = frozenset({b"", b"null", b"{}"})
# The words for what OpenAI calls `default`, and what says nothing about the tier that served.
_TIERS = {"standard": "default", "on_demand": "default", "auto": "", "unspecified": "", "fast": "priority"}


class _Usage(msgspec.Struct):
    usage: msgspec.Raw = _NONE
    usage_metadata: msgspec.Raw = msgspec.field(default=_NONE, name="usageMetadata")


_open_usage = msgspec.json.Decoder(_Usage).decode


def raw_usage(data: bytes) -> bytes:
    """The object's `usage` as it stands in its JSON, or its `usageMetadata`; nothing if it has none."""
    try:
        said: _Usage = decoded(data, _open_usage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return b""
    return _value(said.usage) or _value(said.usage_metadata)


def raw_within(data: bytes, *places: tuple[str, str]) -> list[bytes]:
    """The values at `(member, member of that)`, as they stand in the object's JSON; only those that are there."""
    found: list[bytes] = []
    try:
        fields: dict[str, msgspec.Raw] = decoded(data, _open)
        for outer, inner in places:
            if outer in fields and bytes(fields[outer])[:1] == b"{":
                found.append(_value(_open(fields[outer]).get(inner, _NONE)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return [one for one in found if one]


def _value(raw: msgspec.Raw) -> bytes:
    value = bytes(raw)
    return b"" if value in _EMPTY else value


def kept(*objects: bytes) -> tuple[bytes, ...]:
    """The objects that are any, within bounds: of larger ones only how large they were."""
    if len(objects) == 1 and 0 < len(objects[0]) <= MAX_RAW:
        return objects
    found = tuple(filter(None, objects))
    size = sum(map(len, found))
    return found if size <= MAX_RAW else (b'{"too_large":%d}' % size,)


@lru_cache(maxsize=64)
def _terms(word: str) -> Terms:
    return Terms(tier=tier_word(word))


def tier_terms(said: object) -> Terms:
    """The terms of which nothing but the tier is said."""
    return _terms(said) if isinstance(said, str) else _UNSAID


def tier_word(said: object) -> str:
    """The tier that served, in OpenAI's words; a word that is not known here stays what it is."""
    if not isinstance(said, str):
        return ""
    word = said[:MAX_TERM].lower()
    return _TIERS.get(word, word)


def term(block: Json, name: str) -> str:
    """A word that a price may depend on; empty for `auto`, which the answer should have made up its mind about."""
    value = block.get(name)
    return value[:MAX_TERM] if isinstance(value, str) and value != "auto" else ""


def note_usage(served: Served, usage: Usage, statement: Statement) -> None:
    """What an answer used, as it says; and what it says besides. A later statement takes the place of an earlier one.

    Counts that are all zero are no counts: some upstreams write them where they do not know better. A price of zero
    must not come of it.
    """
    raw = statement.raw
    nothing = not usage.input_tokens and usage == _NOTHING
    if nothing and served.usage is not None:
        return
    note_terms(served, statement.terms, _cost(served, raw) if served.reports_cost else None)
    if raw:
        served.raw_usage = [*raw]
    if nothing:
        return
    if served.searches and not usage.web_searches:
        usage = msgspec.structs.replace(usage, web_searches=served.searches)
    served.usage = usage
    served.usage_source = "provider" if statement.adds_up else "inconsistent"


def note_terms(served: Served, said: Terms, cost: int | None = None) -> None:
    """Terms as far as they are said; what is not said now still stands."""
    before = served.terms
    if before is _UNSAID and cost is None:
        served.terms = said
        return
    served.terms = Terms(
        tier=said.tier or before.tier,
        region=said.region or before.region,
        image_size=said.image_size or before.image_size,
        image_quality=said.image_quality or before.image_quality,
        reported_nano=before.reported_nano if cost is None else cost,
    )


def _cost(served: Served, raw: tuple[bytes, ...]) -> int | None:
    """The sum of what the objects say; None if none says anything."""
    found = [nano for one in raw if (nano := reported_nano(served.reports_cost, one)) is not None]
    return sum(found) if found else None
