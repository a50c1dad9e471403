"""Metrics, traces and logs: the only room that configures Prometheus and OpenTelemetry.

Must never: hold content or secrets, put an unbounded value into a label, or slow or fail a call because a collector, a
terminal or a log pipe is away.

Invariants:
* Every Prometheus metric is declared in `metrics.py`, every OpenTelemetry name in `names.py`.
* Without OTLP in config.yaml nothing of the OpenTelemetry SDK is imported.
* What a call costs here is added up from its finished record, once, at its end; nothing is alive during the call.
"""
