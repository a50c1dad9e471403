"""Request bodies, opened only as far as the gateway must look.

A JSON body becomes a map from field name to the field's *bytes*. Only `model`, `stream` and what a step asks for is
decoded; on the way out those bytes are put together again, so a number keeps its digits and a 2 MB image is not
parsed. A name that stands twice keeps its last value only, and names that differ in case alone, from each other or from
one that a call is judged by, are refused, for some upstreams take them for one: what was judged is what is sent.
"""

import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from gateway.core.faults import BadRequest
from gateway.core.fields import has_name_twice
from gateway.dialects.nesting import MAX_DEPTH, nested_too_deeply

MAX_NAME = 256
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# The fields, of any dialect, by which a call is judged. Upstreams that read names whatever their case (Go's
# encoding/json does) would take `Tools` for `tools`, which nobody here has seen.
JUDGED = frozenset(
    {
        *("model", "models", "route", "preset", "stream", "requests"),
        *("tools", "functions", "mcp_servers", "plugins", "data_sources"),
        *("web_search_options", "search_parameters", "enable_search"),
        *("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens", "n_predict", "max_new_tokens"),
        *("n", "best_of", "candidateCount", "candidate_count", "generationConfig", "generation_config"),
        *("store", "background", "conversation", "previous_response_id", "input", "prompt"),
        *("cachedContent", "cached_content"),
        *("messages", "contents", "system", "instructions", "suffix", "prediction", "content", "systemInstruction"),
        *("system_instruction", "generateContentRequest", "generate_content_request", "query", "documents", "texts"),
    }
)
_FOLDED = {name.casefold(): name for name in JUDGED}
# Names in lower case alone that are another way to write one of them.
_MISWRITTEN = frozenset(folded for folded, name in _FOLDED.items() if folded != name)
# The fields, of any dialect, that may hold images, files or sound; variables of a prompt may, too.
_WITH_DATA = ("messages", "input", "system", "contents", "prompt")
# A run of base64 as long as this is no text.
INLINE_RUN = 1024
_run = re.compile(rb"[A-Za-z0-9+/_-]*").match
_padding = re.compile(rb"={0,2}").match


def inline_data(raw: bytes) -> tuple[int, int]:
    """Bytes and pieces of base64 in JSON text. Looked at are single places: no long run lies between two of them."""
    size = pieces = at = 0
    while at < len(raw):
        end = _end(_run(raw, at))
        if end > at:
            # It begins behind the last place, which was in none.
            before = raw[max(0, at - INLINE_RUN + 1) : at][::-1]
            length = end - at + _end(_run(before))
            if length >= INLINE_RUN:
                size, pieces = size + length + _end(_padding(raw, end)) - end, pieces + 1
        at = end + INLINE_RUN
    return size, pieces


def _end(found: re.Match[bytes] | None) -> int:
    assert found is not None, "nothing at all is a match as well"
    return found.end()


class JsonFields:
    """The top-level fields of a JSON object, undecoded."""

    __slots__ = ("_inline", "_raw")

    content_type = b"application/json"

    def __init__(self, raw: dict[str, msgspec.Raw]) -> None:
        self._raw = raw
        self._inline: tuple[int, int] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def get(self, name: str) -> object:
        raw = self._raw.get(name)
        if raw is None:
            return None
        try:
            return _decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise BadRequest(f"`{name}` is not valid JSON", param=name) from None

    def among(self, names: frozenset[str]) -> AbstractSet[str]:
        # Not `keys() & names`, nor `keys() - names`: they ask for every one of the names, which are a hundred.
        return names.intersection(self._raw)

    def besides(self, names: frozenset[str]) -> AbstractSet[str]:
        return set(self._raw) - names

    def size(self, name: str) -> int:
        """The bytes the field takes in the body; 0 if absent."""
        raw = self._raw.get(name)
        return 0 if raw is None else len(memoryview(raw))

    def unclear(self, values: Mapping[str, object]) -> str:
        for name, value in values.items():
            text = bytes(self._raw.get(name, b""))
            try:
                if text and has_name_twice(text, value):
                    return name
            except (ValueError, RecursionError):
                return name
        return ""

    def mentions(self, name: str, words: Collection[bytes]) -> bool:
        raw = self._raw.get(name)
        if raw is None:
            return False
        text = bytes(raw)
        return any(word in text for word in words)

    def inline_data(self) -> tuple[int, int]:
        if self._inline is None:  # several ask, and the body may be large
            self._inline = self._look_for_data()
        return self._inline

    def _look_for_data(self) -> tuple[int, int]:
        size = pieces = 0
        for name in _WITH_DATA:
            raw = self._raw.get(name)
            if raw is not None and ((text := bytes(raw))[:1] == b"{" or name != "prompt"):  # else it is a text itself
                found = inline_data(text)
                size, pieces = size + found[0], pieces + found[1]
        return size, pieces

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:
        if not changes and self._raw.keys().isdisjoint(without):
            return _encode(self._raw)
        body: dict[str, object] = {**self._raw, **changes}
        for name in without:
            body.pop(name, None)
        return _encode(body)

    def decoded(self) -> dict[str, Any]:
        try:
            return {name: _decode(raw) for name, raw in self._raw.items()}
        except (msgspec.DecodeError, RecursionError):
            raise BadRequest("the body is nested too deeply, or holds a number that is none") from None


def read_json(body: bytes) -> JsonFields:
    """Open a JSON request body.

    Raises:
        BadRequest: not JSON, not an object, not UTF-8, or nested too deeply.
    """
    try:
        raw = _decode_object(body)
        if not body.isascii():
            body.decode()  # the scanner above does not look inside strings
        if nested_too_deeply(body):
            raise RecursionError
    except msgspec.ValidationError:
        raise BadRequest('the body must be a JSON object, such as {"model": …}') from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not valid UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise BadRequest(
            f"the body is nested too deeply; {MAX_DEPTH} arrays and objects within one another are read"
        ) from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise BadRequest(f"the body could not be parsed as JSON: {reason}", code="invalid_json") from None
    names = "".join(raw)
    if not (names.isascii() and names.islower() and _MISWRITTEN.isdisjoint(raw)):  # seldom
        _check_case(raw)
    return JsonFields(raw)


def _check_case(raw: Mapping[str, object]) -> None:
    """Raises:
    BadRequest: names differ in case alone, from each other or from one that a call is judged by.
    """
    folded = {name.casefold() for name in raw}
    if len(folded) != len(raw):
        raise BadRequest("two fields of the body differ in upper and lower case alone")
    for name in folded & _FOLDED.keys():
        if _FOLDED[name] not in raw:
            raise BadRequest(f"`{_FOLDED[name]}` is to be written as it is here", param=_FOLDED[name])


def check_name(model: str) -> None:
    """A model's name is shown to operators: on one line, in a table, on a terminal.

    Raises:
        BadRequest: too long, or it holds what cannot be printed.
    """
    if len(model) > MAX_NAME:
        raise BadRequest(f"`model` is longer than {MAX_NAME} characters", param="model")
    if not model.isprintable():
        raise BadRequest("`model` holds characters that cannot be printed", param="model")


def model_missing() -> BadRequest:
    return BadRequest("you must provide a `model`; GET /v1/models lists those you may use", param="model")


def model_and_stream(fields: JsonFields, *, may_lack: bool = False) -> tuple[str, bool]:
    """The two fields every call is steered by. `may_lack`: something else names the model; it is empty then.

    Raises:
        BadRequest: `model` is missing or not a name, or `stream` is not a boolean.
    """
    model = fields.get("model")
    if model is None:
        if not may_lack:
            raise model_missing()
        model = ""
    elif not isinstance(model, str) or not model:
        raise BadRequest("`model` must be a non-empty string", param="model")
    check_name(model)
    stream = fields.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise BadRequest("`stream` must be true or false", param="stream")
    return model, bool(stream)
