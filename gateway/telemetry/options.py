"""What config.yaml says about telemetry."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

Level = Literal["debug", "info", "warning", "error"]


class LogOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines to standard error: `json` for collectors, `text` for people.

    `requests: false` drops the line per request; `level` is the least that is written, request lines included (those
    of calls that the upstream or the gateway failed are warnings, all others are info).
    """

    format: Literal["json", "text"] = "json"
    level: Level = "info"
    requests: bool = True


class OtlpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    endpoint: base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` follow.
    headers: sent with every export (credentials, as a rule: they appear in no repr).
    sample_ratio: of traces that start here, 0 to 1; an incoming trace's own flag is respected.
    interval_s: between two exports of metrics.
    semconv: GenAI names that dashboards know (`legacy`), or those of the newest conventions (`latest`, what
        `gen_ai_latest_experimental` means to other instrumentations).
    """

    endpoint: str
    headers: dict[str, str] = {}
    sample_ratio: float = 1.0
    interval_s: float = 15.0
    semconv: Literal["legacy", "latest"] = "legacy"
    service_name: str = "llm-gateway"

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the OTLP endpoint is a URL such as http://127.0.0.1:4318")
        if not 0.0 <= self.sample_ratio <= 1.0:
            raise ValueError("sample_ratio is between 0 and 1")
        if self.interval_s <= 0:
            raise ValueError("interval_s is more than 0")

    def __repr__(self) -> str:
        return f"OtlpOptions({self.endpoint!r}, sample_ratio={self.sample_ratio}, semconv={self.semconv!r})"


class TelemetryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log: LogOptions = LogOptions()
    otlp: OtlpOptions | None = None
