"""What config.yaml may say about telemetry."""

from typing import Any

import msgspec
import pytest

from gateway.telemetry.options import OtlpOptions, TelemetryOptions


def test_by_default_requests_are_logged_as_json_and_nothing_is_exported() -> None:
    options = msgspec.convert({}, TelemetryOptions)
    assert (options.log.format, options.log.level, options.log.requests, options.otlp) == ("json", "info", True, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"endpoint": "collector:4318"},
        {"endpoint": "grpc://collector:4317"},
        {"endpoint": "http://"},
        {"endpoint": "http://collector:4318", "sample_ratio": 1.5},
        {"endpoint": "http://collector:4318", "sample_ratio": -0.1},
        {"endpoint": "http://collector:4318", "interval_s": 0},
        {"endpoint": "http://collector:4318", "semconv": "newest"},
        {"endpoint": "http://collector:4318", "endpiont": "x"},
    ],
)
def test_what_cannot_work_is_refused_when_it_is_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"otlp": wrong}, TelemetryOptions)


def test_credentials_of_the_collector_are_in_no_repr() -> None:
    options = OtlpOptions(endpoint="http://collector:4318", headers={"authorization": "Bearer s3cret"})
    assert "s3cret" not in repr(options)
    assert "s3cret" not in repr(TelemetryOptions(otlp=options))
