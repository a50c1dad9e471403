"""Bodies of requests as values of a form, or told what is wrong with them, and where."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

import msgspec

from gateway.core.faults import BadRequest
from gateway.dialects.nesting import nested_too_deeply
from gateway.stores.wording import nearest, reworded

MAX_WRITTEN = 256 * 1024
MAX_PAIRS, MAX_KEY, MAX_VALUE, MAX_NAME = 16, 64, 512, 256
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Shape = TypeVar("Shape")
# `[...]`, which stands for any key of a mapping, names no place.
_STEP = re.compile(r"\[(\d+)\]|\.([^.\[\]`]+)")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_TAG = re.compile(r"Invalid value '(.*)'$", re.DOTALL)
_LENGTH = re.compile(r"Expected `(str|array|object)` of length (<|>)= (\d+)")


def read_object(body: bytes, example: str) -> dict[str, Any]:
    """The JSON object that the body is.

    Raises:
        BadRequest: it is none, or one that could not be given back as it came.
    """
    try:
        if nested_too_deeply(body):
            raise RecursionError("it is nested too deeply")
        value: Any = msgspec.json.decode(body)
        msgspec.json.encode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise BadRequest(f"the body cannot be read as JSON: {error}; send {example}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise BadRequest(f"the body is a JSON object: {example}")
    return cast(dict[str, Any], value)


def read_as(value: Any, shape: type[Shape], place: str = "", words: Sequence[str] = ()) -> Shape:
    """The value as one of that shape.

    Args:
        place: what it is called in the request. words: the `type`s it may have, where there are several.

    Raises:
        BadRequest: it is none; `param` says which part of it.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$")
        raise _unfit(reason, place, at.rstrip("`"), shape, words) from None


def _unfit(reason: str, place: str, at: str, shape: Any, words: Sequence[str]) -> BadRequest:
    param = joined(place, [int(index) if index else key for index, key in _STEP.findall(at)])
    if unknown := _UNKNOWN.match(reason):
        return BadRequest(f"unknown field `{unknown[1][:64]}`", param=joined(param, [unknown[1][:64]]))
    if reason.startswith("Object missing required field"):
        field = reason.partition("`")[2].partition("`")[0]
        return BadRequest(f"`{field}` is missing", param=joined(param, [field]))
    if tag := _TAG.match(reason):
        return BadRequest(f"`{tag[1][:64]}` is not known here{nearest(tag[1][:64], list(words))}", param=param)
    if length := _LENGTH.match(reason):
        of = {"str": "characters", "array": "entries", "object": "pairs"}[length[1]]
        said = f"has more than {length[3]} {of}" if length[2] == "<" else f"has fewer than {length[3]} {of}"
        return BadRequest(f"`{param}` {said}", param=param)
    return BadRequest(f"`{param or 'the body'}`: {reworded(reason, shape)}", param=param or None)


def joined(place: str, path: Sequence[str | int]) -> str:
    """A place in a request as clients write it: `testing_criteria[0].input`."""
    for step in path:
        place = f"{place}[{step}]" if isinstance(step, int) else f"{place}.{step}" if place else step
    return place


def refuse_large(value: Any, place: str) -> None:
    """Raises:
    BadRequest: it is more than anybody writes. What is read once a row, and on the event loop, has to be small.
    """
    if len(msgspec.json.encode(value)) > MAX_WRITTEN:
        raise BadRequest(f"`{place}` has more than {MAX_WRITTEN} bytes", param=place)


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value, keys excepted.

    Raises:
        RecursionError: it is nested too deeply.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in cast(dict[str, Any], value).values():
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in cast(list[Any], value):
            yield from texts_in(one)


def refuse_blocks(text: str, place: str) -> None:
    """Raises:
    BadRequest: it has Jinja's blocks in it, which OpenAI's templates have not; to look for where each of many ends
        would take long.
    """
    if "{%" in text or "{#" in text:
        raise BadRequest(f"`{place}`: `{{%` and `{{#` begin nothing here; only `{{{{…}}}}` does", param=place)


def read_metadata(value: Mapping[str, str] | None) -> dict[str, str]:
    """Raises:
    BadRequest: it is larger than OpenAI's may be.
    """
    pairs = dict(value or {})
    if len(pairs) > MAX_PAIRS:
        raise BadRequest(f"`metadata` has at most {MAX_PAIRS} pairs", param="metadata")
    for key, text in pairs.items():
        if not 1 <= len(key) <= MAX_KEY:
            raise BadRequest(f"keys of `metadata` have 1 to {MAX_KEY} characters", param="metadata")
        if len(text) > MAX_VALUE:
            raise BadRequest(
                f"the value of `{key}` has more than {MAX_VALUE} characters", param=joined("metadata", [key])
            )
    return pairs
