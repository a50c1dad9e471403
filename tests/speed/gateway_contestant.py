"""The gateway as a contestant: its files with everything on, its key, and the proof that everything was on."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import msgspec

from tests.speed import answers
from tests.speed.child import ROOT, BenchError
from tests.speed.http_reading import request_bytes
from tests.speed.probing import ask, stats

SAMPLE_RATIO = 0.1
EVIDENCE_WITHIN_S = 30.0
METRICS_KEY = "metrics-of-the-bench"

OTHERS = tuple(f"team-{number}" for number in range(10))
TEAMS = [{"id": team, "name": team} for team in ("bench", *OTHERS)]
TENANTS = {"tenants": [{"id": "acme", "name": "Acme", "teams": TEAMS}]}
# Rules of others stand before ours, as they would in an organisation.
ACCESS = {
    "rules": [
        *(
            {
                "id": f"rule-of-{team}",
                "effect": "allow",
                "owner": "bench",
                "reason": "another team's rule",
                "teams": [team],
                "models": ["gpt-*"],
            }
            for team in OTHERS
        ),
        {"id": "bench", "effect": "allow", "owner": "bench", "reason": "the bench", "models": ["bench-*"]},
    ]
}
PLENTY = 1_000_000_000
LIMITS = {
    "limits": [
        {"id": "per-tenant", "per": ["tenant"], "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY},
        {"id": "per-team", "per": ["tenant", "team"], "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY},
        {"id": "per-key", "per": ["key"], "requests_per_minute": PLENTY, "concurrent_requests": 10_000},
    ]
}
PRICES = {
    "currency": "USD",
    "prices": [
        {
            "id": f"bench-{provider}",
            "provider": provider,
            "models": ["*"],
            "from": "2020-01-01",
            "per_million_tokens": {"input": 0.15, "cached_input": 0.075, "output": 0.6},
        }
        for provider in ("mock", "second")
    ],
}
MODES: tuple[answers.Mode, ...] = ("plain", "delayed", "stream", "paced", "gated")


def card(name: str, *providers: str) -> dict[str, object]:
    """An approved model card."""
    return {
        "name": name,
        "targets": [{"target": f"{provider}/{name}", "region": "eu-west-1"} for provider in providers],
        "licence": {"expression": "Apache-2.0"},
        "life": {"approved": {"by": "bench", "on": "2020-01-01"}},
    }


# For calls that are routed, looked at both ways by the five deterministic detectors, and kept.
EVERY_STEP: dict[str, dict[str, Any]] = {
    "routes": {
        "routes": {
            answers.model(mode): {"strategy": "least_latency", "sticky": {"by": "session"}, "hedge": {"min_ms": 2000}}
            for mode in MODES
        }
    },
    "guardrails": {
        "guards": [
            {
                "id": "data",
                "on": ["input", "output"],
                "detect": ["personal_data", "secrets", {"deny": {"words": ["nightjar", "blackbird"]}}],
                "action": "redact",
            },
            {"id": "orders", "on": ["input"], "detect": ["prompt_injection"], "action": "block"},
            {"id": "links", "on": ["output"], "detect": [{"urls": {"hosts": ["example.org"]}}], "action": "block"},
        ]
    },
    "cache": {"rules": [{"id": "all", "ttl_s": 3600}]},
    **{f"models/{answers.model(mode)}": card(answers.model(mode), "mock", "second") for mode in MODES},
}


class Evidence(msgspec.Struct, frozen=True):
    """What the gateway left behind: proof that the features whose cost is measured were on."""

    records: int
    unpriced: int
    log_lines: int
    spans: int
    requests_in_metrics: int

    def covers(self, answers: int) -> bool:
        """Every one of `answers` is recorded, priced, logged and counted, and spans were sampled and exported."""
        least = min(self.records, self.log_lines, self.requests_in_metrics)
        return least >= answers and self.unpriced == 0 and self.spans > 0


class GatewayFiles(msgspec.Struct, frozen=True):
    """A gateway's folder with config.yaml and policies/."""

    folder: Path
    port: int
    sink_port: int

    @classmethod
    def write(
        cls, folder: Path, port: int, mock_port: int, sink_port: int, more: Mapping[str, object] = MappingProxyType({})
    ) -> Self:
        """JSON is YAML too, and needs no library. `more`: policies besides the usual ones, or in their place."""
        policies = folder / "policies"
        (policies / "models").mkdir(parents=True)
        files = {"tenants": TENANTS, "access": ACCESS, "guardrails": {"guards": []}, "limits": LIMITS, "prices": PRICES}
        files |= {f"models/{answers.model(mode)}": card(answers.model(mode), "mock") for mode in MODES}
        files |= more
        for name, value in files.items():
            (policies / f"{name}.yaml").write_text(json.dumps(value, indent=1))
        (folder / "config.yaml").write_text(json.dumps(config(port, mock_port, sink_port), indent=1))
        return cls(folder, port, sink_port)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def command(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "gateway.cli", *words, "--config", str(self.folder / "config.yaml"))

    def create_key(self) -> str:
        """An application's key.

        Raises:
            BenchError: the gateway's command line did not make one.
        """
        command = self.command("keys", "create", "--tenant", "acme", "--team", "bench", "--owner", "bench", "--json")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise BenchError(f"no key could be made:\n{done.stdout}{done.stderr}"[-3000:])
        return json.loads(done.stdout)["key"]

    def evidence(self, at_least: int) -> Evidence:
        """Wait until the ledger holds `at_least` closed records and a span has arrived, then count what is there."""
        deadline = time.monotonic() + EVIDENCE_WITHIN_S
        while time.monotonic() < deadline:
            records, _ = self._records()
            if records >= at_least and stats(self.sink_port)["spans"]:
                break
            time.sleep(0.2)
        records, unpriced = self._records()
        return Evidence(
            records=records,
            unpriced=unpriced,
            log_lines=self.log.read_bytes().count(b'"event":"request"'),
            spans=stats(self.sink_port)["spans"],
            requests_in_metrics=self._requests_in_metrics(),
        )

    def _records(self) -> tuple[int, int]:
        with contextlib.closing(sqlite3.connect(f"file:{self.state / 'ledger.db'}?mode=ro", uri=True)) as db:
            counted = "SELECT count(*), coalesce(sum(pricing = 'unpriced'), 0) FROM calls WHERE outcome != 'open'"
            records, unpriced = db.execute(counted).fetchone()
        return records, unpriced

    def _requests_in_metrics(self) -> int:
        headers = {"authorization": f"Bearer {METRICS_KEY}"}
        answer = ask(self.port, request_bytes(self.port, "GET", "/metrics", headers=headers), timeout_s=20)
        if answer.status != 200:
            raise BenchError(f"/metrics was answered with {answer.status}")
        return sum_of_counter(answer.payload().decode(), "gateway_requests_total")


def sum_of_counter(text: str, name: str) -> int:
    """All series of one counter in Prometheus' text format, added up."""
    lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def config(port: int, mock_port: int, sink_port: int) -> dict[str, Any]:
    base_url = f"http://127.0.0.1:{mock_port}/v1"
    mock = {"kind": "openai-compatible", "base_url": base_url, "api_key": "sk-upstream"}
    return {
        "server": {"host": "127.0.0.1", "port": port, "grace_s": 5},
        "state_dir": "state",
        "policies_dir": "policies",
        "providers": {"mock": mock, "second": mock},
        "telemetry": {
            "log": {"format": "json", "requests": True},
            "otlp": {"endpoint": f"http://127.0.0.1:{sink_port}", "sample_ratio": SAMPLE_RATIO},
        },
        "operators": {"metrics_key": METRICS_KEY},
    }
