"""What config.yaml says about telemetry."""

from typing import Literal

import msgspec


class LogOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line per request to standard error. `requests: false` leaves only warnings and errors."""

    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: bool = True


class OtlpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    endpoint: base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`.
    sample_ratio: of traces that start here; an incoming trace's own flag is respected.
    semconv: GenAI names as of 1.36 (`legacy`, what dashboards know) or of the newest conventions (`latest`).
    """

    endpoint: str
    headers: dict[str, str] = {}
    sample_ratio: float = 1.0
    interval_s: float = 15.0
    semconv: Literal["legacy", "latest"] = "legacy"


class TelemetryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log: LogOptions = LogOptions()
    otlp: OtlpOptions | None = None
