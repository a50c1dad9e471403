"""multipart/form-data bodies (RFC 7578), opened as far as their plain fields; files stay untouched bytes.

Strict on purpose: where two parsers could read a body differently, the one that judges and the one that serves could
see different models. Such a body is refused.
"""

import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from gateway.core.faults import BadRequest
from gateway.dialects.openai.body import check_name

# One parameter, the boundary, and nothing that another parser could take for it.
_BOUNDARY = re.compile(
    rb"""multipart/form-data\s*;\s*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s;",\\]{1,70}))\s*""", re.IGNORECASE
)
_TEXT = rb'"([^"\\\r\n]*)"'
# The one form in which a part may say what it is; browsers and every HTTP library write it so.
_DISPOSITION = re.compile(
    rb"content-disposition:[ \t]*form-data;[ \t]*name="
    + _TEXT
    + rb"(;[ \t]*filename="
    + _TEXT
    + rb"(?:;[ \t]*filename\*=[^;\s\"]+)?|;[ \t]*filename\*=[^;\s\"]+)?[ \t]*",
    re.IGNORECASE,
)
# Some parsers decode what a part says is encoded (Go's quoted-printable) or in other characters than ASCII and more.
_CHARSET = rb"[ \t]*charset=\"?(?:utf-8|us-ascii|iso-8859-\d{1,2}|windows-125\d)\"?[ \t]*"
_OTHER_HEADER = re.compile(
    rb"content-(?:type:(?:(?![^\r\n]*charset)[^\r\n]*|[^\r\n;]*;" + _CHARSET + rb")"
    rb"|length:[^\r\n]*|transfer-encoding:[ \t]*(?:7bit|8bit|binary)[ \t]*)",
    re.IGNORECASE,
)
# What a call is judged by stands once, as a plain field.
_JUDGED = frozenset({"model", "stream", "prompt"})
MAX_PARTS = 1_000


class MultipartFields:
    """The plain fields of a form; `spans` says where each value stands in the body."""

    __slots__ = ("_body", "_spans", "content_type")

    def __init__(self, body: bytes, content_type: bytes, spans: dict[str, tuple[int, int]]) -> None:
        self._body = body
        self._spans = spans
        self.content_type = content_type

    def get(self, name: str) -> object:
        span = self._spans.get(name)
        if span is None:
            return None
        try:
            return self._body[span[0] : span[1]].decode()
        except UnicodeDecodeError:
            raise BadRequest(f"`{name}` is not valid UTF-8", param=name) from None

    def among(self, names: frozenset[str]) -> AbstractSet[str]:
        return self._spans.keys() & names

    def besides(self, names: frozenset[str]) -> AbstractSet[str]:
        return self._spans.keys() - names

    def unclear(self, values: Mapping[str, object]) -> str:  # noqa: ARG002
        return ""

    def mentions(self, name: str, words: Collection[bytes]) -> bool:
        span = self._spans.get(name)
        return span is not None and any(word in self._body[span[0] : span[1]] for word in words)

    def inline_data(self) -> tuple[int, int]:
        return len(self._body), 1

    def decoded(self) -> dict[str, Any]:
        return {}

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:  # noqa: ARG002
        """The body with fields replaced. A field that is not there is not added."""
        body = self._body
        known = [(self._spans[name], value) for name, value in changes.items() if name in self._spans]
        for (start, end), value in sorted(known, reverse=True):
            body = body[:start] + str(value).encode() + body[end:]
        return body


def delimiter_in(content_type: bytes) -> bytes:
    """What stands between the parts of a form, with the line break before it.

    Raises:
        BadRequest: no boundary, or one that two parsers could read differently.
    """
    found = _BOUNDARY.fullmatch(content_type)
    if found is None:
        raise BadRequest("content-type must be `multipart/form-data; boundary=…` and nothing else")
    return b"\r\n--" + (found.group(1) or found.group(2))


def read_multipart(body: bytes, content_type: bytes) -> MultipartFields:
    """Find the fields of a form.

    Raises:
        BadRequest: no boundary, broken framing, or a field that stands twice.
    """
    delimiter = delimiter_in(content_type)
    text = b"\r\n" + body
    at = text.find(delimiter)
    if at != 0:
        raise BadRequest("the form must start with its boundary")
    spans: dict[str, tuple[int, int]] = {}
    for _ in range(MAX_PARTS):
        start = at + len(delimiter)
        if text[start : start + 2] == b"--":
            return MultipartFields(body, content_type, spans)
        if text[start : start + 2] != b"\r\n":
            raise BadRequest("the form's boundary is followed by something else than a line break")
        at = text.find(delimiter, start)
        head_end = text.find(b"\r\n\r\n", start)
        if at < 0 or head_end < 0 or head_end > at:
            raise BadRequest("the form is cut short: no closing boundary")
        _note_field(text[start:head_end], (head_end + 4 - 2, at - 2), spans)
    raise BadRequest(f"the form has more than {MAX_PARTS} parts")


def _note_field(head: bytes, span: tuple[int, int], spans: dict[str, tuple[int, int]]) -> None:
    """Remember where a plain field stands; spans count from the body's own start."""
    lines = head.removeprefix(b"\r\n").split(b"\r\n")
    found = [said for line in lines if (said := _DISPOSITION.fullmatch(line)) is not None]
    others = [line for line in lines if _DISPOSITION.fullmatch(line) is None]
    if len(found) != 1 or not all(_OTHER_HEADER.fullmatch(line) for line in others):
        raise BadRequest('every part of the form must begin with one `Content-Disposition: form-data; name="…"`')
    key = found[0].group(1).decode("utf-8", "replace")
    if key.casefold() in _JUDGED:
        if key in spans:
            raise BadRequest(f"`{key}` stands twice in the form", param=key)
        if found[0].group(2) is not None or key != key.casefold():
            raise BadRequest(f"`{key.casefold()}` is a plain field of the form, in lower case", param=key.casefold())
    elif found[0].group(2) is not None:
        return
    spans.setdefault(key, span)


def form_model_and_stream(fields: MultipartFields) -> tuple[str, bool]:
    """As `body.model_and_stream`, for a form.

    Raises:
        BadRequest: `model` is missing or empty.
    """
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a `model` as a form field", param="model")
    check_name(model)
    return model, str(fields.get("stream") or "").lower() in ("true", "1")
