"""Reading JSON that somebody else wrote, without ever trusting its shape.

Two manners. A *request* is read strictly: `field(…)` and `objects(…)` say what is wrong and where, in a `BadRequest`.
An *answer* is read leniently: `part`, `whole`, `words` and `rows` take what is there and of the right kind, and leave
the rest, because a provider may add or leave out fields on any day.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from gateway.core.conversation import Json
from gateway.core.faults import BadRequest, UpstreamBroken
from gateway.dialects.nesting import nested_too_deeply

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
T = TypeVar("T", str, int, float, bool, list[Any], dict[str, Any])

_WORDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
}
# More tokens than any call can use: what says so is wrong, and sums of it must not overflow a ledger.
ABSURD = 10**12


def path_to(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def field(block: Json, name: str, kind: type[T], where: str = "") -> T | None:
    """A request's field, None if absent or null. An int passes for a float.

    Raises:
        BadRequest: it is of another kind.
    """
    value = block.get(name)
    if value is None:
        return None
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return cast(T, float(value))
    if kind is int and type(value) is float and value.is_integer():
        return cast(T, int(value))
    raise wrong(path_to(where, name), _WORDS[kind])


def needed(block: Json, name: str, kind: type[T], where: str = "") -> T:
    """The same for a field that must be there."""
    value = field(block, name, kind, where)
    if value is None:
        raise BadRequest(f"`{path_to(where, name)}` is missing", param=path_to(where, name))
    return value


def objects(block: Json, name: str, where: str = "") -> list[dict[str, Any]]:
    """A request's array of objects; empty if absent.

    Raises:
        BadRequest: not an array, or something in it is not an object.
    """
    values = field(block, name, list, where) or []
    for index, value in enumerate(values):
        if type(value) is not dict:
            raise wrong(f"{path_to(where, name)}[{index}]", "an object")
    return values


def strings(block: Json, name: str, where: str = "") -> tuple[str, ...]:
    """A request's array of strings, or a single one; empty if absent."""
    value = block.get(name)
    if isinstance(value, str):
        return (value,)
    values = field(block, name, list, where) or []
    for index, one in enumerate(values):
        if type(one) is not str:
            raise wrong(f"{path_to(where, name)}[{index}]", "a string")
    return tuple(values)


def wrong(where: str, expected: str) -> BadRequest:
    return BadRequest(f"`{where}` must be {expected}", param=where)


def unknown(where: str, value: object, known: Iterable[str]) -> BadRequest:
    """A word that is none of those known here."""
    return BadRequest(f"`{where}` is {value!r:.80}; known here: {', '.join(sorted(known))}", param=where)


def json_object(text: str, where: str) -> dict[str, Any]:
    """JSON text inside a request (a tool call's arguments) as an object; empty text is an empty object.

    Raises:
        BadRequest: it is not.
    """
    if not text.strip():
        return {}
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if type(value) is not dict:
        raise BadRequest(f"`{where}` must be the text of a JSON object", param=where)
    return cast(dict[str, Any], value)


def json_text(value: object) -> str:
    """A JSON value as text, the shape models write: no spaces."""
    return _encode(value).decode()


# An escaped backslash, a surrogate pair; or half a pair.
_SURROGATES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def decoded(data: bytes, decode: Callable[[bytes], Any] = _decode) -> Any:
    """An upstream's JSON as values. Half a surrogate pair, which some write where a piece ends inside a character and
    which no UTF-8 can hold, is read as U+FFFD.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is not JSON, is nested too deeply, or holds a
            number no float can.
    """
    if nested_too_deeply(data):
        raise RecursionError
    try:
        return decode(data)
    except msgspec.DecodeError:
        mended = _SURROGATES.sub(lambda found: found[1] or rb"\ufffd", data)
        if mended == data:
            raise
        return decode(mended)


def answer_object(body: bytes) -> dict[str, Any]:
    """An upstream's JSON object.

    Raises:
        UpstreamBroken: it is none.
    """
    try:
        value = decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    if type(value) is not dict:
        raise UpstreamBroken("the upstream's answer is not a JSON object")
    return cast(dict[str, Any], value)


def whole(value: object) -> int:
    """A count out of foreign JSON: whole, never negative, never a bool, never absurd."""
    return value if type(value) is int and 0 < value < ABSURD else 0


def index(value: object) -> int:
    """A position out of foreign JSON: whole and not negative, else 0; never so large that it is none."""
    return value if type(value) is int and 0 <= value < 100_000 else 0


def part(block: Json, name: str) -> Json:
    """A nested object, or an empty one."""
    value = block.get(name)
    return cast(Json, value) if isinstance(value, dict) else {}


def words(block: Json, name: str) -> str:
    """A string, or an empty one."""
    value = block.get(name)
    return value if isinstance(value, str) else ""


def rows(block: Json, name: str) -> list[dict[str, Any]]:
    """The objects of an array; whatever else is in it is left out."""
    value = block.get(name)
    if not isinstance(value, list):
        return []
    return [one for one in cast(list[Any], value) if isinstance(one, dict)]
