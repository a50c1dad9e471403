"""One structured line per request, written in batches by a thread, so that a slow terminal or pipe slows nobody.

No content, no secrets: lines are made from records, which hold neither. When the queue is full lines are dropped and
counted; the ledger has them all.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import TextIO

import msgspec

from gateway.core.record import Record
from gateway.telemetry.options import LogOptions

MAX_WAITING = 20_000
FLUSH_EVERY_S = 0.1
REPEAT_AFTER_S = 10.0
_encode = msgspec.json.Encoder().encode


class RequestLog:
    """`with RequestLog(options) as log: log.ended(record)`."""

    def __init__(self, options: LogOptions, stream: TextIO | None = None) -> None:
        self._format: Callable[[Record], bytes] = as_json if options.format == "json" else as_text
        self._enabled = options.requests
        self._stream = stream or sys.stderr
        self._waiting: deque[Record] = deque()
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def __enter__(self) -> "RequestLog":
        if self._enabled:
            self._thread = threading.Thread(target=self._write_batches, name="request-log", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def ended(self, record: Record) -> None:
        if not self._enabled:
            return
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)

    def _write_batches(self) -> None:
        while True:
            self._wake.wait(FLUSH_EVERY_S)
            ending = self._ending
            records = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if records:
                try:
                    self._stream.write("".join([self._format(record).decode() + "\n" for record in records]))
                    self._stream.flush()
                except (OSError, ValueError):
                    self.dropped += len(records)  # nobody reads us any more
            if ending:
                return


class RequestLine(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The line of one call."""

    time: str
    level: str
    event: str = "request"
    request_id: str
    tenant: str = ""
    team: str = ""
    key: str = ""
    operation: str
    model: str = ""
    target: str = ""
    outcome: str
    status: int = 0
    error: str = ""
    rule: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_nano_usd: int | None = None
    ttfb_ms: float | None = None
    duration_ms: float
    trace_id: str = ""


def request_line(record: Record) -> RequestLine:
    usage = record.usage
    return RequestLine(
        time=_timestamp(record.started_ns),
        level="warning" if record.outcome in ("failed", "interrupted") else "info",
        request_id=record.id,
        tenant=record.tenant,
        team=record.team,
        key=record.key_id,
        operation=record.operation,
        model=record.model,
        target=record.target,
        outcome=record.outcome,
        status=record.status,
        error=record.error_code,
        rule=record.rule_id,
        input_tokens=usage.total_input if usage else None,
        output_tokens=usage.total_output if usage else None,
        cost_nano_usd=record.cost_nano,
        ttfb_ms=None if record.ttfb_us is None else record.ttfb_us / 1000,
        duration_ms=record.duration_us / 1000,
        trace_id=record.trace_id,
    )


def as_json(record: Record) -> bytes:
    # A field with a default is left out; the event's name is what lines are told apart by.
    return b'{"event":"request",' + _encode(request_line(record))[1:]


def as_text(record: Record) -> bytes:
    line = request_line(record)
    fields = {name: value for name in line.__struct_fields__ if (value := getattr(line, name)) not in (None, "")}
    head = f"{fields.pop('time')} {fields.pop('level'):7} {fields.pop('status', 0)}"
    fields.pop("event")
    return " ".join([head, *(f"{name}={value}" for name, value in fields.items())]).encode()


def _timestamp(unix_ns: int) -> str:
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s))


class LineFormatter(logging.Formatter):
    """Library and gateway messages in the same form as requests."""

    def __init__(self, options: LogOptions) -> None:
        super().__init__()
        self._json = options.format == "json"

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        moment = _timestamp(int(record.created * 1e9))
        level = record.levelname.lower()
        if not self._json:
            return f"{moment} {level:7} {record.name}: {message}"
        return _encode({"time": moment, "level": level, "event": record.name, "message": message}).decode()


class Repeats(logging.Filter):
    """Lets a message through once in REPEAT_AFTER_S, so that a broken upstream does not write the log full."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key, now = (record.name, record.getMessage()), self._now()
        if now - self._last.get(key, -REPEAT_AFTER_S) < REPEAT_AFTER_S:
            return False
        if len(self._last) > 1000:
            self._last.clear()
        self._last[key] = now
        return True


def configure_logging(options: LogOptions) -> None:
    """One handler on the root logger, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(options))
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options.level.upper())
