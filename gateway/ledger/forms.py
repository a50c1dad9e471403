"""Rows in the bytes in which a store takes them from another process: pure.

postgres    binary COPY, as it is sent to the server
sqlite      MessagePack, a list of rows
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gateway.ledger.copying import Fields, Layout, Uuids, encode_rows
from gateway.ledger.rows import ATTEMPT_COLUMNS, CHARGE_COLUMNS, SEALED_COLUMNS, Row

_CALLS = Layout(
    SEALED_COLUMNS,
    (
        *(("tenant", "pricing"), ("price_version", "prompt_id"), ("run_id", "stream")),
        *(
            ("cached_input_tokens", "input_image_tokens"),
            ("reasoning_tokens", "code_sessions"),
            ("person", "obligations"),
            ("prompt_digest", "prompt_label"),
        ),
    ),
    {
        "numbers": ("started_ns", "ttfb_us", "duration_us"),
        "texts": ("upstream_request_id", "client_request_id", "trace_id", "response_id", "prompt_variables"),
        "bytes": ("seal",),
    },
)
_ATTEMPTS = Layout(
    ATTEMPT_COLUMNS,
    (("n", "role"), ("provider", "finish_reason"), ("account", "reported_nano")),
    {"numbers": ("started_ns", "ttfb_us", "duration_us"), "texts": ("upstream_request_id", "raw_usage")},
)
_CHARGES = Layout(CHARGE_COLUMNS, (("n", "meter"), ("per", "list_rate")), {})


class Form(Protocol):
    def begin(self) -> None:
        """The rows of another commit follow."""
        ...

    def calls(self, rows: Sequence[Row]) -> bytes: ...

    def attempts(self, rows: Sequence[Row]) -> bytes: ...

    def charges(self, rows: Sequence[Row]) -> bytes: ...


class Copied:
    """What it remembers is true for ever, and bounded."""

    def __init__(self) -> None:
        self._fields = Fields()
        self._uuids = Uuids()

    def begin(self) -> None:
        self._fields = self._fields.bounded()
        self._uuids = Uuids()

    def calls(self, rows: Sequence[Row]) -> bytes:
        return encode_rows(rows, self._uuids, self._fields, _CALLS)

    def attempts(self, rows: Sequence[Row]) -> bytes:
        return encode_rows(rows, self._uuids, self._fields, _ATTEMPTS)

    def charges(self, rows: Sequence[Row]) -> bytes:
        return encode_rows(rows, self._uuids, self._fields, _CHARGES)


class Packed:
    def begin(self) -> None:
        pass

    def calls(self, rows: Sequence[Row]) -> bytes:
        return _pack(rows)

    attempts = charges = calls


_pack = msgspec.msgpack.Encoder().encode
FORMS: Mapping[str, Callable[[], Form]] = {"postgres": Copied, "sqlite": Packed}
unpacked = msgspec.msgpack.Decoder(list[list[Any]]).decode
