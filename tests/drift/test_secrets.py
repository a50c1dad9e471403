"""Secrets of config.yaml that stand in it, and those that the environment does not hold."""

import logging
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.drift import plain_secrets, unset_variables
from gateway.stores.documents import Text
from tests.drift.test_findings import Folder

KEY = "gsk_1234567890abcdef"


def told_of(line: str) -> list[str]:
    return [one.reason for one in plain_secrets(Text("config.yaml", line.encode()))]


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (f"providers: {{groq: {{api_key: {KEY}}}}}", "providers.groq.api_key"),
        (f"guard_services: {{m: {{api_key: {KEY}}}}}", "guard_services.m.api_key"),
        (f"operators: {{others: [{{name: jo, key: {KEY}}}]}}", "operators.others.0.key"),
        (f"operators: {{admin_key: {KEY}}}", "operators.admin_key"),
        ("redis: {password: correct-horse-battery}", "redis.password"),
        ("ledger: {url: 'postgresql://gw:pass@db/ledger'}", "ledger.url"),
        ("ledger: {url: 'postgresql://gw:pass@${env:HOST}/ledger'}", "ledger.url"),
        (f"telemetry: {{otlp: {{headers: {{authorization: Bearer {KEY}}}}}}}", "telemetry.otlp.headers.authorization"),
        (f"providers: {{b: {{aws: {{secret_access_key: {KEY}}}}}}}", "providers.b.aws.secret_access_key"),
        (f"alerts: {{webhooks: [{{secret: {KEY}}}]}}", "alerts.webhooks.0.secret"),
    ],
)
def test_a_secret_in_plain_is_told_of_and_never_shown(line: str, where: str) -> None:
    (finding,) = plain_secrets(Text("config.yaml", f"# first\n{line}".encode()))
    assert (finding.kind, finding.line) == ("secret_in_plain", 2)
    assert finding.reason == f"`{where}` is a secret in plain: who reads this file has it"
    for secret in (KEY, "correct-horse-battery", "pass@"):
        assert secret not in str(finding)


@pytest.mark.parametrize(
    "value",
    ["'${env:GROQ_API_KEY}'", "'${file:/run/key}'", "''", "none", "not-needed", "EMPTY", "ollama", "lm-studio", "dummy", "sk-no-key-required"],
)  # fmt: skip
def test_what_opens_nothing_is_none(value: str) -> None:
    assert told_of(f"providers: {{local: {{api_key: {value}}}}}") == []


@pytest.mark.parametrize(
    "line",
    [
        "ledger: {url: 'postgresql://gw:${env:PW}@db/ledger'}",
        "ledger: {url: 'postgresql://db/ledger'}",
        "redis: {url: 'redis://127.0.0.1:6379/0', password: ''}",
        "telemetry: {otlp: {headers: {x-scope-orgid: some-tenant-1, authorization: 'Bearer ${env:OTLP}'}}}",
        "providers: {p: {base_url: 'http://127.0.0.1:9/v1'}}",
    ],
)
def test_what_only_looks_like_one_is_none(line: str) -> None:
    assert told_of(line) == []


CONFIG = """policies_dir: .
providers:
  p: {base_url: "http://127.0.0.1:9/v1", api_key: "${env:NO_SUCH_KEY}"}
  q: {kind: groq, api_key: gsk_1234567890abcdef}
guard_services:
  m: {url: "http://127.0.0.1:9/", api_key: "${env:NO_SUCH_MODERATION}"}
operators:
  others:
    - {name: jo, role: security, key: "${env:NO_SUCH_ADMIN}"}
"""


def test_check_warns_of_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Folder(tmp_path).write("config.yaml", CONFIG)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--at", "2026-06-15"]) == 0
    plain, service, operator, summary = capsys.readouterr().out.splitlines()
    assert plain.startswith("config.yaml:4: warning: `providers.q.api_key` is a secret in plain")
    assert service.startswith(
        "config.yaml:6: warning: the environment has no `NO_SUCH_MODERATION`: `guard_services.m.api_key` lacks it, and "
        "the service is asked without a credential; set it where the gateway is started"
    )
    assert operator.startswith("config.yaml:9: warning: the environment has no `NO_SUCH_ADMIN`: ")
    assert "nobody is this operator" in operator
    assert summary == "config.yaml and its policies are valid; warnings: 3"
    monkeypatch.setenv("NO_SUCH_MODERATION", "m-1")
    monkeypatch.setenv("NO_SUCH_ADMIN", "a" * 16)
    assert main(["check", "--at", "2026-06-15", "--strict"]) == 1
    assert "warnings: 1" in capsys.readouterr().out


def test_a_start_tells_of_what_is_not_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Folder(tmp_path).write("config.yaml", CONFIG)
    monkeypatch.setattr("gateway.cli.serve.supervise", lambda *_: None)
    monkeypatch.setattr("gateway.cli.serve.asyncio.run", lambda _: None)
    monkeypatch.setattr("gateway.cli.serve.configure_logging", lambda _: None)
    with caplog.at_level(logging.WARNING, "gateway"):
        assert main(["serve", "--config", str(tmp_path / "config.yaml")]) == 0
    assert [one.partition(": ")[2][:40] for one in caplog.messages] == [
        "the environment has no `NO_SUCH_MODERATI",
        "the environment has no `NO_SUCH_ADMIN`: ",
    ]


def test_what_is_told_elsewhere_is_not_told_twice() -> None:
    lines = ["providers: {p: {api_key: '${env:X}'}}", "alerts: {webhooks: [{secret: '${env:X}'}]}"]
    lines += ["ledger: {url: '${env:X}'}", "prompts: {url: '${env:X}'}"]
    for line in lines:
        assert list(unset_variables(Text("config.yaml", line.encode()), {"X"})) == []
    (one,) = unset_variables(Text("config.yaml", b"redis: {password: '${env:X}'}"), {"X", "Y"})
    assert one.reason == "the environment has no `X`: `redis.password` lacks it"
