"""Every verb: help with an example, exit codes, tables and JSON."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from gateway.cli import main, parser
from tests.conftest import ROOT, GatewayFactory


def verbs(of: argparse.ArgumentParser, *words: str) -> Iterator[list[str]]:
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield [*words, word]
                yield from verbs(below, *words, word)


def options_of(words: Sequence[str]) -> list[argparse.Action]:
    found = parser()
    for word in words:
        (below,) = (one for one in found._actions if isinstance(one, argparse._SubParsersAction))
        found = below.choices[word]
    return found._actions


VERBS = list(verbs(parser()))


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_help_ends_with_an_example(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*words, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"example:\n  gateway {' '.join(words)}" in said


def test_whatever_sends_calls_is_told_where_in_the_same_words() -> None:
    takes = {
        " ".join(words)
        for words in VERBS
        for action in options_of(words)
        if {"--gateway", "--url"} & set(action.option_strings)
    }
    assert takes == {"compare", "prompts test", "prompts tune", "cache evaluate"}
    for words in takes:
        (one,) = (action for action in options_of(words.split()) if "--gateway" in action.option_strings)
        assert one.option_strings == ["--gateway", "--url"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--port", "99999", "argument --port: '99999' is not a port; allowed are 1 to 65535"),
        ("--port", "-3", "argument --port: '-3' is not a port; allowed are 1 to 65535"),
        ("--port", "0", "argument --port: '0' is not a port"),
        ("--port", "http", "argument --port: 'http' is not a port; allowed are 1 to 65535"),
        ("--workers", "0", "argument --workers: '0' is not a number of workers; allowed are 1 or more"),
    ],
)
def test_a_value_of_the_command_line_is_not_laid_at_the_door_of_a_file(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"{option}={value}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert "config.yaml" not in told


def test_a_wrong_command_line_exits_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["nonsense"])
    assert ended.value.code == 2


def test_check_is_content_with_the_repository() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


MISTAKES = {
    "config.yaml": ('{"server": {"prot": 1}}', "unknown key `prot`; did you mean `port`?"),
    "unknown provider": (
        '{"models": {"m": {"targets": ["nope/x"]}}, "providers": {"mock": {"base_url": "http://x"}}}',
        "unknown provider `nope`",
    ),
    "unknown kind": (
        '{"providers": {"p": {"kind": "opnai", "api_key": "k"}}}',
        "unknown kind `opnai`; did you mean `openai`?",
    ),
    "no base_url": ('{"providers": {"p": {}}}', "needs a base_url"),
    "type": ('{"server": {"port": "eighty"}}', "server.port: expected a whole number, got a text"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_check_names_file_line_and_nearest_word(name: str, make_gateway: GatewayFactory) -> None:
    text, says = MISTAKES[name]
    gateway = make_gateway()
    gateway.config_file.write_text(text)
    done = gateway.cli("check", check=False)
    assert done.returncode == 1
    assert f"{gateway.config_file}:1: " in done.stdout
    assert says in done.stdout


POLICY_MISTAKES = {
    "access.yaml": ("rules:\n  - id: a\n    effect: alow\n    owner: o\n    reason: r\n", ":3:"),
    "tenants.yaml": ("tenants:\n  - id: acme\n  - id: acme\n", ":3:"),
    "guardrails.yaml": ("guards:\n  - {id: a, on: [input], detect: [nothing], action: block}\n", ":2:"),
    "limits.yaml": ("limits:\n  - id: nothing\n", ":2:"),
    "cache.yaml": ("rules:\n  - {id: a, ttl_s: 5}\n  - {id: a, ttl_s: 5}\n", ":3:"),
    "prices.yaml": (
        "currency: USD\nprices:\n  - {id: p, provider: m, models: [x], from: 2026-01-01, per_million_tokens: {input: -1}}\n",
        ":3:",
    ),
}


@pytest.mark.parametrize("file", POLICY_MISTAKES)
def test_check_reads_every_policy(file: str, make_gateway: GatewayFactory) -> None:
    text, where = POLICY_MISTAKES[file]
    gateway = make_gateway()
    (gateway.folder / "policies" / file).write_text(text)
    done = gateway.cli("check", "--json", check=False)
    (problem,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert Path(problem["file"]).name == file
    assert f":{problem['line']}:" == where


def test_keys_from_birth_to_end(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    made = json.loads(
        gateway.cli(
            "keys",
            "create",
            "--tenant",
            "acme",
            "--team",
            "team-a",
            "--owner",
            "o",
            "--label",
            "env=dev",
            "--expires-days",
            "1",
            "--json",
        ).stdout
    )
    assert made["key"].startswith("gw-")
    assert len(made["key"]) == 46
    assert made["labels"] == {"env": "dev"}
    rotated = json.loads(gateway.cli("keys", "rotate", made["id"], "--json").stdout)
    assert rotated["key"] != made["key"]
    again = gateway.cli("keys", "rotate", made["id"], check=False)
    assert (again.returncode, "rotated already" in again.stderr) == (1, True)
    gateway.cli("keys", "revoke", rotated["id"])
    listed = gateway.cli("keys", "list").stdout
    assert made["key"] not in listed
    assert [line.split()[-1] for line in listed.splitlines()[1:]] == ["rotated", "revoked"]
    assert "env=dev" in listed
    told = json.loads(gateway.cli("keys", "list", "--json").stdout)
    assert [one["state"] for one in told] == ["rotated", "revoked"]


@pytest.mark.parametrize(
    "given",
    [["create", "--tenant", "a", "--team", "b", "--owner", "o", "--expires-days", "0"],
     ["rotate", "key_1", "--overlap-hours", "-1"], ["rotate", "key_1", "--overlap-hours", "soon"]],
)  # fmt: skip
def test_times_out_of_bounds_are_told_in_the_units_they_were_given_in(
    given: list[str], make_gateway: GatewayFactory
) -> None:
    done = make_gateway().cli("keys", *given, check=False)
    assert done.returncode == 2
    assert f"{given[-1]!r} is not a number of {given[-2].rpartition('-')[2]} between" in done.stderr


def test_a_key_for_an_undeclared_team_is_refused(make_gateway: GatewayFactory) -> None:
    done = make_gateway().cli("keys", "create", "--tenant", "acme", "--team", "nobody", "--owner", "o", check=False)
    assert (done.returncode, "tenants.yaml" in done.stderr) == (1, True)


def test_models_shows_what_is_not_configured(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway(
        providers={
            "openai": {"kind": "openai", "api_key": "${env:NO_SUCH}"},
            "local": {"kind": "ollama"},
            "open": {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9"},
            "locked": {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9", "api_key": "${env:NO_SUCH}"},
        },
        models={name: {"targets": [f"{name}/x"]} for name in ("openai", "local", "open", "locked")},
    )
    rows = json.loads(gateway.cli("models", "list", "--json").stdout)
    assert {row["model"]: row["state"] for row in rows} == {
        "openai": "not configured",
        "local": "configured",
        "open": "configured",
        "locked": "not configured",
    }


def test_models_explains_what_is_missing() -> None:
    command = [sys.executable, "-m", "gateway.cli", "models", "list"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].split()[-1] == "missing"
    assert said[-1] == "missing: how many facts the card does not tell; `gateway models show NAME` names them"


def test_usage_of_an_empty_ledger(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    assert gateway.cli("usage").stdout == "no calls in this period\n"
    assert json.loads(gateway.cli("usage", "--json").stdout) == []
    for given, said in (
        (["--by", "colour"], "known: tenant"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "before it begins"),
        (["--outcome", "fail"], "invalid choice: 'fail'"),
        (["--json", "--csv"], "not allowed with"),
    ):
        wrong = gateway.cli("usage", *given, check=False)
        assert wrong.returncode != 0, given
        assert said in wrong.stderr, given


def test_check_tells_the_first_mistake_of_each_file(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    for file, (text, _) in POLICY_MISTAKES.items():
        (gateway.folder / "policies" / file).write_text(text)
    told = json.loads(gateway.cli("check", "--json", check=False).stdout)
    assert {Path(one["file"]).name for one in told} == set(POLICY_MISTAKES)


def test_check_warns_of_a_webhook_that_would_be_told_nothing(make_gateway: GatewayFactory) -> None:
    webhook = {"name": "finops", "url": "http://127.0.0.1:9/ai", "secret": "${env:NO_SUCH_SECRET}"}
    gateway = make_gateway(alerts={"webhooks": [webhook]})
    said = gateway.cli("check").stdout
    assert "warning: the webhook `finops` has no secret, and so it is told nothing; put one into" in said
    assert gateway.cli("check", "--strict", check=False).returncode == 1


def test_alerts_without_a_webhook_say_what_to_configure(make_gateway: GatewayFactory) -> None:
    said = make_gateway().cli("alerts", "test", check=False)
    assert said.returncode == 1
    assert "error: config.yaml names no webhook yet" in said.stderr
    example = said.stderr.partition("\n\n")[2].partition("\n\n")[0]
    alerts = yaml.safe_load(example.replace("${env:ALERTS_SECRET}", "${env:NO_SUCH_SECRET}"))["alerts"]
    gateway = make_gateway(alerts=alerts)
    unknown = gateway.cli("alerts", "test", "--webhook", "finop", check=False).stderr
    assert "no webhook `finop` under `alerts`; did you mean `finops`?" in unknown
    silent = gateway.cli("alerts", "test", check=False).stderr
    assert "`finops` of config.yaml: no secret" in silent
    assert silent.endswith("A secret is made with: echo whsec_$(openssl rand -base64 32)\n")


def test_an_export_says_what_it_wrote_and_that_there_was_nothing(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    empty = gateway.cli("ledger", "export", "--month", "2020-10", "--out", "october.csv")
    assert (empty.stdout, empty.stderr) == ("", "nothing was charged from 2020-10-01 to 2020-11-01\n")


@pytest.mark.parametrize(
    ("noted", "limit", "written"),
    [
        ({"users": False}, "per: [user]", "users: true"),
        ({"users": False}, 'match: {users: ["jane*"]}', "users: true"),
        ({"run_header": ""}, "per: [tenant, run]", "run_header: x-run-id"),
        ({"agent_header": ""}, "per: [agent]", "agent_header: x-agent-id"),
    ],
)
def test_check_names_limits_by_what_no_call_is_noted_with(
    noted: dict[str, object], limit: str, written: str, make_gateway: GatewayFactory
) -> None:
    text = f"limits:\n  - id: a\n    requests_per_day: 5\n    {limit}\n"
    blind, seeing = (
        make_gateway(metering={"noted": what}, policies={"limits": text}).cli("check", "--json", check=False)
        for what in (noted, {})
    )
    (problem,) = json.loads(blind.stdout)
    assert (Path(problem["file"]).name, problem["line"], blind.returncode) == ("limits.yaml", 4, 1)
    assert written in problem["reason"]
    assert seeing.returncode == 0, seeing.stdout
