"""One structured line per request, and the library's and the gateway's own messages in the same form.

No content, no secrets: request lines are made from records, which hold neither.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable

import msgspec

from gateway.core.record import Record
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.options import LogOptions

REPEAT_AFTER_S = 10.0
MAX_REMEMBERED = 1_000
# The client chooses the model's name: not so long that it becomes a way to write our log full.
MAX_NAME = 128
_PLAIN = re.compile(r"[\w./:@+-]+", re.ASCII)
_encode = msgspec.json.Encoder().encode
_FRACTIONS = tuple(f".{millisecond:03d}Z" for millisecond in range(1_000))


class RequestLine(msgspec.Struct, omit_defaults=True, tag_field="event", tag="request", gc=False):
    """The fields of a request's line; those that are empty are left out. `time`: when the call ended."""

    time: str
    level: str
    request_id: str
    tenant: str = ""
    team: str = ""
    key: str = ""
    operation: str = ""
    model: str = ""
    target: str = ""
    served_model: str = ""
    stream: bool = False
    outcome: str = ""
    status: int = 0
    error: str = ""
    rule: str = ""
    would_deny: str = ""
    finish_reason: str = ""
    input_tokens: int = -1
    output_tokens: int = -1
    pricing: str = "none"
    cost_nano_usd: int | None = None
    ttfb_ms: float | None = None
    duration_ms: float = 0.0
    queued_ms: float | None = None
    client_request_id: str = ""
    trace_id: str = ""


class Timestamps:
    """RFC 3339 in UTC with milliseconds; formats a second's text once."""

    def __init__(self) -> None:
        self._second: int = -1
        self._text: str = ""

    def __call__(self, unix_ns: int) -> str:
        second, millisecond = divmod(unix_ns // 1_000_000, 1_000)
        text = self._text
        if second != self._second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second, self._text = second, text
        return text + _FRACTIONS[millisecond]


class RequestLog:
    """`with RequestLog(options) as log: log.ended(record)`. Without a writer it has one of its own, to standard error.

    Lines are made at once and written later: a record belongs to its call, not to a thread.
    """

    def __init__(self, options: LogOptions, writer: LineWriter | None = None) -> None:
        self._writer = writer or LineWriter(said_of_dropped=dropped_line(options))
        self._own_writer = writer is None
        self._make: Callable[[RequestLine], bytes] = _encode if options.format == "json" else as_text
        self._enabled = options.requests and options.level != "error"
        self._infos = options.level in ("debug", "info")
        self._timestamp = Timestamps().__call__  # a method is called in half the time that an object takes

    def __enter__(self) -> "RequestLog":
        if self._own_writer:
            self._writer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._own_writer:
            self._writer.__exit__()

    @property
    def dropped(self) -> int:
        """Lines lost because nobody took them quickly enough."""
        return self._writer.dropped

    def ended(self, record: Record) -> None:
        if not self._enabled:
            return
        level = level_of(record)
        if self._infos or level == "warning":
            time_text = self._timestamp(record.started_ns + record.duration_us * 1000)
            self._writer.write(self._make(request_line(record, level, time_text)))


def level_of(record: Record) -> str:
    """A refusal, a caller's mistake and a hang-up are everyday; what the upstream or we broke is not."""
    return "warning" if record.outcome in ("failed", "interrupted") and record.blame != "caller" else "info"


def request_line(record: Record, level: str, time_text: str) -> RequestLine:
    """The line of an ended call."""
    usage = record.usage
    return RequestLine(
        time_text,
        level,
        record.id,
        record.tenant,
        record.team,
        record.key_id,
        record.operation,
        record.model[:MAX_NAME],
        record.target,
        record.served_model[:MAX_NAME],
        record.stream,
        record.outcome,
        record.status,
        record.error_code,
        record.rule_id,
        record.would_deny,
        record.finish_reason[:MAX_NAME],
        -1 if usage is None else usage.total_input,
        -1 if usage is None else usage.total_output,
        record.pricing,
        record.cost_nano,
        None if record.ttfb_us is None else record.ttfb_us / 1000,
        record.duration_us / 1000,
        record.queued_us / 1000 if record.queued_us else None,
        record.client_request_id,
        record.trace_id,
    )


# A field's name and what it holds when it is left out. The id stands last: people look for it least.
_TEXT_FIELDS: tuple[tuple[str, object], ...] = (
    *(
        (name, default)
        for name, default in zip(RequestLine.__struct_fields__[3:], RequestLine.__struct_defaults__, strict=True)
        if name != "status"
    ),
    ("request_id", ""),
)


def as_text(line: RequestLine) -> bytes:
    """For terminals: `time level status name=value …`. What is not plain is quoted and escaped: a client's words
    cannot start a line of their own or move the cursor."""
    words = [line.time, f"{line.level:7}", str(line.status or "-")]
    for name, default in _TEXT_FIELDS:
        value = getattr(line, name)
        if value != default:
            text = str(value)
            words.append(f"{name}={text if _PLAIN.fullmatch(text) else json.dumps(text)}")
    return " ".join(words).encode()


class LineFormatter(logging.Formatter):
    """Library and gateway messages in the same form as requests."""

    def __init__(self, options: LogOptions) -> None:
        super().__init__()
        self._json = options.format == "json"
        self._timestamp = Timestamps()

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        repeated = getattr(record, "repeated", 0)
        if repeated:
            message += f" ({repeated} more like this in the meantime)"
        error = self.formatException(record.exc_info) if record.exc_info else ""
        moment = self._timestamp(int(record.created * 1e9))
        level = record.levelname.lower()
        if self._json:
            fields = {"event": "message", "time": moment, "level": level, "logger": record.name, "message": message}
            return _encode({**fields, "traceback": error} if error else fields).decode()
        return f"{moment} {level:7} {record.name}: {message}" + (f"\n{error}" if error else "")


class Repeats(logging.Filter):
    """Lets a warning or error through once in REPEAT_AFTER_S, so that a broken upstream does not write the log full;
    the next one that passes says how many were held back.

    Our own messages are the same if their words are; a library's, if they were made from the same template (the
    exporter's say in how many hundredths of a second they try again).
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        ours = record.name.partition(".")[0] == "gateway"
        key, now = (record.name, record.getMessage() if ours else str(record.msg)), self._now()
        with self._lock:
            last, held = self._seen.get(key, (now - REPEAT_AFTER_S, 0))
            if now - last < REPEAT_AFTER_S:
                self._seen[key] = (last, held + 1)
                return False
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            self._seen[key] = (now, 0)
        record.repeated = held
        return True


class WriterHandler(logging.Handler):
    """Messages by way of a LineWriter: a stalled terminal does not stop the event loop that warns of something."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self.format(record).encode(errors="replace"))
        except Exception:  # noqa: BLE001  the border that logging itself has: a bad message must not fail its sender
            self.handleError(record)


def dropped_line(options: LogOptions) -> Callable[[int], bytes]:
    """How a LineWriter says, in the log's own form, that lines were lost."""
    formatter = LineFormatter(options)

    def line(count: int) -> bytes:
        text = f"{count} log lines were dropped: whoever reads this log is too slow"
        return formatter.format(logging.LogRecord("gateway.log", logging.WARNING, "", 0, text, None, None)).encode()

    return line


def configure_logging(options: LogOptions, writer: LineWriter | None = None) -> None:
    """One handler on the root logger: through the writer, or directly to standard error."""
    handler = logging.StreamHandler() if writer is None else WriterHandler(writer)
    handler.setFormatter(LineFormatter(options))
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options.level.upper())
