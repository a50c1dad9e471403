"""Metrics: what a call counts, bounded labels, and one scrape over several processes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from gateway import __version__
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.telemetry import metrics as metrics_module
from gateway.telemetry.metrics import SECONDS, Metrics, fresh_folder
from gateway.telemetry.series import Observed

RecordMaker = Callable[..., Record]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of that name which have these labels."""
    wanted = set(labels.items())
    return sum(number for (found, have), number in samples.items() if found == name and wanted <= have)


def scrape(metrics: Metrics) -> Samples:
    return parse(metrics.exposition()[0])


def test_many_calls_of_one_series_are_added_up_in_lots(record: RecordMaker) -> None:
    metrics, who = Metrics(), {"tenant": "acme", "team": "team-a", "model": "smart"}
    for number in range(1, 301):
        metrics.record_closed(record(), known_model=True)
        if number % 150 == 0:
            samples = scrape(metrics)
            assert value(samples, "gateway_requests_total", **who) == number
            assert value(samples, "gateway_tokens_total", **who, meter="cached_input") == 20 * number
            assert value(samples, "gateway_request_duration_seconds_count", **who) == number


def test_a_completed_stream_counts_everywhere(record: RecordMaker) -> None:
    metrics = Metrics()
    metrics.record_closed(record(), known_model=True)
    samples, who = scrape(metrics), {"tenant": "acme", "team": "team-a", "model": "smart"}

    assert value(samples, "gateway_requests_total", **who, operation="chat", outcome="completed", status="200") == 1
    assert value(samples, "gateway_tokens_total", **who, meter="input") == 80
    assert value(samples, "gateway_tokens_total", **who, meter="cached_input") == 20
    assert value(samples, "gateway_tokens_total", **who, meter="output") == 10
    assert value(samples, "gateway_tokens_total", **who, meter="reasoning") == 1
    assert value(samples, "gateway_cost_usd_total", **who) == pytest.approx(0.0025)
    assert value(samples, "gateway_request_duration_seconds_sum", **who) == pytest.approx(1.25)
    assert value(samples, "gateway_time_to_first_token_seconds_sum", **who) == pytest.approx(0.25)
    assert value(samples, "gateway_time_per_output_token_seconds_sum", **who) == pytest.approx(1.0 / 10)
    assert value(samples, "gateway_unpriced_calls_total") == 0


def test_a_whole_answer_has_no_time_to_first_token(record: RecordMaker) -> None:
    metrics = Metrics()
    metrics.record_closed(record(stream=False), known_model=True)
    assert value(scrape(metrics), "gateway_time_to_first_token_seconds_count") == 0
    assert value(scrape(metrics), "gateway_request_duration_seconds_count") == 1


def test_refusals_are_counted_by_code_and_unknown_callers_without_labels(record: RecordMaker) -> None:
    metrics = Metrics()
    refused = record(outcome="refused", status=403, error_code="model_not_allowed", usage=None, cost_nano=None)
    metrics.record_closed(refused, known_model=True)
    metrics.record_closed(record(key_id="", tenant="", team="", outcome="refused", status=401), known_model=False)
    samples = scrape(metrics)

    assert value(samples, "gateway_refusals_total", tenant="acme", team="team-a", code="model_not_allowed") == 1
    assert value(samples, "gateway_unauthenticated_total") == 1
    assert value(samples, "gateway_requests_total") == 1, "a request without a caller belongs to no series"


def test_what_policy_refused_and_would_have_refused_is_counted_by_rule(record: RecordMaker) -> None:
    metrics = Metrics()
    refused = {"outcome": "refused", "blame": "policy", "status": 403, "usage": None, "cost_nano": None}
    metrics.record_closed(record(**refused, rule_id="no-secrets"), known_model=True)
    metrics.record_closed(record(**refused, rule_id=""), known_model=False)
    metrics.record_closed(record(**{**refused, "status": 429}, rule_id="a-limit"), known_model=True)
    metrics.record_closed(record(**refused, rule_id="allows", error_code="request_exceeds_limit"), known_model=True)
    metrics.record_closed(record(would_deny="watched other"), known_model=True)
    metrics.record_closed(record(**refused, rule_id="no-secrets", would_deny="watched"), known_model=True)
    for _ in range(2):  # what was handed over once is not handed over again
        samples = scrape(metrics)
        counted = {
            (name.removeprefix("gateway_policy_"), dict(labels)["rule"]): number
            for (name, labels), number in samples.items()
            if name in ("gateway_policy_refusals_total", "gateway_policy_would_deny_total")
        }
        assert counted == {
            ("refusals_total", "no-secrets"): 2,
            ("refusals_total", ""): 1,
            ("would_deny_total", "watched"): 2,
            ("would_deny_total", "other"): 1,
        }


def test_rules_beyond_the_bound_count_as_others(record: RecordMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.telemetry.metrics.MAX_SERIES", 3)
    metrics = Metrics()
    for _ in range(2):
        for number in range(5):
            metrics.record_closed(record(would_deny=f"rule-{number}"), known_model=True)
        metrics.flush()
    samples = scrape(metrics)
    assert value(samples, "gateway_policy_would_deny_total", rule="rule-0") == 2
    assert value(samples, "gateway_policy_would_deny_total", rule="_other") == 4
    assert sum(name == "gateway_policy_would_deny_total" for name, _ in samples) == 4


def test_an_unpriced_call_is_counted_as_such_and_costs_nothing(record: RecordMaker) -> None:
    metrics = Metrics()
    metrics.record_closed(record(pricing="unpriced", cost_nano=None), known_model=True)
    samples = scrape(metrics)
    assert value(samples, "gateway_unpriced_calls_total", model="smart") == 1
    assert not [name for name, _ in samples if name == "gateway_cost_usd_total"]


@given(st.lists(st.floats(0, 200), max_size=40))
def test_many_observations_at_once_are_what_the_library_makes_of_them_one_by_one(values: list[float]) -> None:
    registry = CollectorRegistry()
    once, one_by_one = (Histogram(name, "h", registry=registry, buckets=SECONDS) for name in ("once", "one_by_one"))
    observed = Observed(SECONDS, lambda: once)
    for place, seconds in enumerate(values):
        observed.observe(seconds)
        one_by_one.observe(seconds)
        if place % 7 == 0:
            observed.flush()
    observed.flush()
    ours, theirs = ([(sample.name.removeprefix(metric.name), sample.labels, pytest.approx(sample.value))
                     for sample in metric.samples if not sample.name.endswith("_created")]
                    for metric in registry.collect())  # fmt: skip
    assert ours == theirs


def test_what_is_not_flushed_yet_is_flushed_at_the_end_and_counted_once(record: RecordMaker) -> None:
    with Metrics() as metrics:
        metrics.record_closed(record(), known_model=True)
        metrics.upstream_answered("openai", "200", queued_us=10)
        assert value(parse(metrics.read()[0]), "gateway_requests_total") == 0
    metrics.flush()
    samples = parse(metrics.read()[0])
    assert value(samples, "gateway_requests_total") == 1
    assert value(samples, "gateway_request_duration_seconds_count") == 1
    assert value(samples, "gateway_upstream_requests_total") == 1
    assert value(samples, "gateway_upstream_queue_wait_seconds_count") == 1


@given(st.lists(st.text(max_size=20), max_size=30))
def test_names_that_clients_make_up_are_one_label(models: list[str]) -> None:
    metrics = Metrics()
    for model in models:
        unknown = Record(
            id="x", started_ns=1, tenant="t", team="a", key_id="k", operation="chat", model=model, outcome="refused"
        )
        metrics.record_closed(unknown, known_model=False)
    samples = scrape(metrics)
    assert value(samples, "gateway_requests_total", model="_unknown") == len(models)
    assert {dict(labels).get("model") for _, labels in samples} <= {"_unknown", None}


def test_the_number_of_series_is_bounded_and_nothing_goes_uncounted(
    record: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module, "MAX_SERIES", 5)
    metrics = Metrics()
    for number in range(50):
        metrics.record_closed(record(model=f"alias-{number}"), known_model=True)
    samples = scrape(metrics)
    models = {dict(labels)["model"] for name, labels in samples if name == "gateway_requests_total"}
    assert models == {"alias-0", "alias-1", "alias-2", "alias-3", "alias-4", "_other"}
    assert value(samples, "gateway_requests_total") == 50
    assert value(samples, "gateway_requests_total", model="_other", tenant="_other") == 45


@pytest.mark.parametrize(("status", "label"), [(200, "200"), (429, "429"), (599, "5xx"), (799, "7xx"), (0, "0")])
def test_a_status_that_http_does_not_know_is_only_a_class(record: RecordMaker, status: int, label: str) -> None:
    metrics = Metrics()
    metrics.record_closed(record(status=status), known_model=True)
    metrics.upstream_answered("openai", str(status), queued_us=0)
    samples = scrape(metrics)
    assert value(samples, "gateway_requests_total", status=label) == 1
    assert value(samples, "gateway_upstream_requests_total", provider="openai", result=label) == 1


def test_upstream_faults_and_waiting_for_ones_turn() -> None:
    metrics = Metrics()
    metrics.upstream_answered("openai", "upstream_timeout", queued_us=500_000)
    samples = scrape(metrics)
    assert value(samples, "gateway_upstream_requests_total", provider="openai", result="upstream_timeout") == 1
    assert value(samples, "gateway_upstream_queue_wait_seconds_sum", provider="openai") == pytest.approx(0.5)


def test_an_engine_is_in_one_state_and_its_restarts_only_rise() -> None:
    metrics, states = Metrics(), ("starting", "ready", "waiting")
    metrics.engine_reported("smollm2", "ready", 2, states)
    metrics.engine_reported("smollm2", "waiting", 3, states)
    samples = scrape(metrics)
    assert {
        dict(labels)["state"]: number for (name, labels), number in samples.items() if name == "gateway_engine_state"
    } == {"starting": 0, "ready": 0, "waiting": 1}
    assert value(samples, "gateway_engine_ready", engine="smollm2") == 0
    assert value(samples, "gateway_engine_restarts_total", engine="smollm2") == 3


@given(st.lists(st.integers(min_value=0, max_value=1000), max_size=20))
def test_a_mirrored_total_that_falls_has_started_again(totals: list[int]) -> None:
    metrics = Metrics()
    expected = last = 0
    for total in totals:
        metrics.engine_restarts.labels("e").set(total)
        expected += total - last if total >= last else total
        last = total
    assert value(scrape(metrics), "gateway_engine_restarts_total") == expected


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    metrics = Metrics()
    metrics.policies_reloaded(True, 1000.0)
    metrics.policies_reloaded(False, 2000.0)
    samples = scrape(metrics)
    assert value(samples, "gateway_policy_reloads_total", result="ok") == 1
    assert value(samples, "gateway_policy_reloads_total", result="failed") == 1
    assert value(samples, "gateway_policy_stale") == 1
    assert value(samples, "gateway_policy_last_reload_timestamp_seconds") == 1000


def test_every_metric_is_ours_described_and_in_base_units() -> None:
    metrics = Metrics()
    text, kind = metrics.exposition()
    assert kind.startswith("text/plain")
    assert value(parse(text), "gateway_build_info", version=__version__) == 1
    for family in text_string_to_metric_families(text.decode()):
        assert family.name.startswith("gateway_")
        assert family.documentation
        assert not family.name.endswith(("_ms", "_us", "_milliseconds"))


def test_a_folder_that_the_library_does_not_know_of_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
        Metrics(tmp_path)


PROCESS = """
import sys
from pathlib import Path
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.telemetry.metrics import Metrics

metrics = Metrics(Path(sys.argv[1]))
again = Metrics(Path(sys.argv[1]))
calls = int(sys.argv[2])
for number in range(calls):
    metrics.record_closed(Record(
        id="x", started_ns=1, tenant="acme", team="a", key_id="k", operation="chat", model="smart",
        outcome="completed", status=200, usage=Usage(input_tokens=7), duration_us=30_000), True)
metrics.flush()
metrics.in_flight.set(calls)
metrics.key_age.set(calls)
print("counted", flush=True)
sys.stdin.read()
"""
SCRAPE = """
import sys
from pathlib import Path
from gateway.telemetry.metrics import Metrics

metrics = Metrics(Path(sys.argv[1]))
for pid in sys.argv[2:]:
    metrics.forget_process(int(pid))
sys.stdout.buffer.write(metrics.exposition()[0])
"""


def test_one_scrape_adds_up_all_processes_and_forgets_the_gauges_of_dead_ones(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"of an earlier run, and not even readable")
    fresh_folder(folder)
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}

    def python(script: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", script, str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def scraped(*dead: str) -> Samples:
        return parse(python(SCRAPE, *dead).communicate(timeout=30)[0])

    first, second = python(PROCESS, "3"), python(PROCESS, "4")
    for process in (first, second):
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
    both = scraped()
    first.communicate(timeout=30)
    one = scraped(str(first.pid))
    second.communicate(timeout=30)

    for samples in (both, one):
        assert value(samples, "gateway_requests_total", tenant="acme", status="200") == 7
        assert value(samples, "gateway_tokens_total", meter="input") == 49
        assert value(samples, "gateway_request_duration_seconds_count") == 7
        assert value(samples, "gateway_request_duration_seconds_bucket", le="0.04") == 7
        assert value(samples, "gateway_request_duration_seconds_bucket", le="0.02") == 0
    assert (value(both, "gateway_in_flight_requests"), value(both, "gateway_key_snapshot_age_seconds")) == (7, 4)
    assert (value(one, "gateway_in_flight_requests"), value(one, "gateway_key_snapshot_age_seconds")) == (4, 4)


def test_importing_the_room_imports_neither_prometheus_nor_opentelemetry() -> None:
    script = (
        "import sys, pkgutil, importlib, gateway.telemetry as room\n"
        "for module in pkgutil.iter_modules(room.__path__): importlib.import_module('gateway.telemetry.' + module.name)\n"
        "print([name for name in ('prometheus_client', 'opentelemetry') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_of(record: RecordMaker) -> None:
    metrics = Metrics()
    metrics.record_closed(record(usage=Usage(input_tokens=1)), known_model=True)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.exposition()[0], capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
