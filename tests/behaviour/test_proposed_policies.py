"""A proposed policy tried on what a real gateway recorded: exact counts, in every form, and nothing written."""

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import CARD, Gateway, gateways

ANSWER = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}  # fmt: skip
NOW = """
rules:
  - {id: a-everything, effect: allow, owner: tests, reason: the first team, teams: [team-a]}
  - {id: b-small, effect: allow, owner: tests, reason: the second team, teams: [team-b], models: [small]}
"""
PROPOSED = """
rules:
  - {id: a-everything, effect: allow, owner: tests, reason: the first team, teams: [team-a]}
  - {id: no-large-for-a, effect: deny, owner: security@example.com, reason: too large, teams: [team-a], models: [large]}
  - {id: b-more, effect: allow, owner: tests, reason: the second team, teams: [team-b], models: [small, large],
     obligations: {max_output_tokens: 100}}
  - {id: watch-small, effect: deny, owner: tests, reason: being considered, mode: audit, models: [small]}
"""
MODELS = {name: {"targets": [f"mock/{name}-1"]} for name in ("small", "large", "other")}
# (team, model, max_tokens) → how many calls
CALLS = {
    ("team-a", "small", None): 3,
    ("team-a", "large", None): 4,
    ("team-a", "route", None): 2,
    ("team-b", "small", 50): 2,
    ("team-b", "small", 500): 3,
    ("team-b", "large", None): 5,  # refused
    ("team-b", "nowhere", None): 1,  # there is none
}


class Traffic:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.proposed = gateway.folder / "proposed"
        shutil.copytree(gateway.folder / "policies", self.proposed)
        (self.proposed / "access.yaml").write_text(PROPOSED)
        # The route becomes another: what config.yaml says goes with the policies.
        config = json.loads(gateway.config_file.read_text())
        config["models"]["renamed"] = config["models"].pop("route")
        self.config = gateway.folder / "proposed.yaml"
        self.config.write_text(json.dumps(config))

    def impact(self, *more: str, check: bool = True) -> str:
        with_it = ("--proposed", str(self.proposed), "--proposed-config", str(self.config))
        return self.gateway.cli("policy", "impact", *with_it, *more, check=check).stdout

    def json(self, *more: str) -> Any:
        return json.loads(self.impact("--json", *more))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traffic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Traffic]:
    async with ScriptedUpstream({"/v1/chat/completions": json_answer(ANSWER)}) as upstream:
        with gateways(tmp_path_factory.mktemp("impact")) as make:
            models = {**MODELS, "route": {"targets": ["mock/other-1"]}}
            gateway = make(upstream.base_url, models=models, policies={"access": NOW})
            keys = {
                team: await asyncio.to_thread(
                    gateway.create_key, team, "--name", f"the bot of {team}", "--label", "env=prod"
                )
                for team in ("team-a", "team-b")
            }
            gateway.key = keys["team-a"]
            await asyncio.to_thread(gateway.start)
            async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20) as client:
                for (team, model, most), times in CALLS.items():
                    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
                    body |= {} if most is None else {"max_tokens": most}
                    for _ in range(times):
                        headers = {"authorization": f"Bearer {keys[team]}"}
                        await client.post("/chat/completions", json=body, headers=headers)
            await asyncio.to_thread(gateway.records, sum(CALLS.values()))
            yield Traffic(gateway)


def test_what_changes_is_counted_exactly(traffic: Traffic) -> None:
    found = traffic.json()
    assert {name: found[name]["calls"] for name in ("looked_at", "newly_refused", "newly_allowed", "undecidable")} == {
        "looked_at": 20, "newly_refused": 6, "newly_allowed": 5, "undecidable": 0,
    }  # fmt: skip
    assert found["still_allowed"]["calls"] + found["still_refused"]["calls"] == 9
    assert found["looked_at"]["recorded"] == 5, "what is not there at all is no refusal of policy"
    assert found["newly_refused"]["cost_usd"] == f"{6 * (7 * 1000 + 2 * 2000) / 1e9:.9f}"
    assert (found["teams"], found["teams_changed"]) == (2, 2)
    groups = {(one["change"], one["team"], *one["models"]): one for one in found["groups"]}
    large = groups["refused", "team-a", "large"]
    assert (large["before"]["rule_id"], large["after"]["rule_id"], large["calls"]) == (
        "a-everything",
        "no-large-for-a",
        4,
    )
    assert "too large" in large["reasons_after"][0]
    assert large["operations"] == ["chat"]
    assert [(key["name"], key["owner"], key["calls"]) for key in large["keys"]] == [("the bot of team-a", "tests", 4)]
    assert large["input_tokens"] == 4 * 7
    route = groups["refused", "team-a", "route"]
    assert (route["after"]["code"], route["calls"]) == ("model_not_found", 2)
    more = groups["allowed", "team-b", "large"]
    assert (more["before"]["basis"], more["after"]["rule_id"], more["calls"], more["recorded"]) == (
        "no_rule",
        "b-more",
        5,
        5,
    )
    assert groups["watched", "team-a", "small"]["details"] == ["watch-small"]
    assert found["watched"]["calls"] == 8
    held = groups["obliged", "team-b", "small"]
    assert (held["calls"], held["cut"], held["details"]) == (3, 3, ["at most 100 output tokens"])
    assert re.fullmatch(r"2 of 2 teams' calls change: 6 calls \(30\.0 %\) in the last 7 days would be newly refused, 5 "
                        r"newly allowed; 20 calls \(\d different ones\) decided again in \d+\.\d s", found["summary"])  # fmt: skip
    assert found["policies"]["before"] != found["policies"]["after"]


def test_people_get_a_table_and_why(traffic: Traffic) -> None:
    said = traffic.impact("--since", "24h")
    lines = said.splitlines()
    assert lines[0].startswith("2 of 2 teams' calls change: 6 calls (30.0 %) in the last 24 hours")
    assert [line for line in lines if line.startswith(("newly", "may"))] == [
        "newly refused", "newly allowed", "newly watched by rules in audit mode", "newly held to something",
    ]  # fmt: skip
    row = next(line for line in lines if line.endswith("allow (a-everything) → deny (no-large-for-a)"))
    assert re.split(r"\s{2,}", row)[:6] == ["acme", "team-a", "large", "chat", "1: the bot of team-a", "4"]
    assert any("no-large-for-a: the model `large` is denied" in line for line in lines)


def test_a_pull_request_gets_a_comment(traffic: Traffic) -> None:
    import cmarkgfm

    text = traffic.impact("--markdown")
    assert text.startswith("<!-- gateway policy impact -->\n### Impact")
    html = cmarkgfm.github_flavored_markdown_to_html(text)
    assert html.count("<table>") == 4
    assert "allow (<code>a-everything</code>) → deny (<code>no-large-for-a</code>)" in html
    assert "#### Newly refused" in text
    assert "the bot of team-a` of `team-a`, held by `tests`" in text


def test_one_tenant_or_team_or_a_time_before_narrows_it(traffic: Traffic) -> None:
    assert traffic.json("--team", "team-a")["looked_at"]["calls"] == 9
    assert traffic.json("--tenant", "nobody")["summary"] == "no calls in the last 7 days"
    assert traffic.json("--since", "2020-01-01", "--until", "2020-02-01")["looked_at"]["calls"] == 0
    assert traffic.json("--policies", str(traffic.proposed))["newly_refused"]["calls"] == 2, "the route alone"


def test_the_exit_code_says_so_only_if_asked(traffic: Traffic) -> None:
    def code(*more: str) -> int:
        return traffic.gateway.cli("policy", "impact", *more, check=False).returncode

    proposed = ("--proposed", str(traffic.proposed))
    assert code(*proposed) == 0
    assert code(*proposed, "--exit-code") == 1
    assert code("--proposed", str(traffic.gateway.folder / "policies"), "--exit-code") == 0
    assert code(*proposed, "--since", "soon") == 2
    assert code("--proposed", str(traffic.gateway.folder / "none")) == 1


def test_a_ledger_of_an_older_version_is_told_what_to_do(traffic: Traffic, tmp_path: Path) -> None:
    config = json.loads(traffic.gateway.config_file.read_text()) | {
        "policies_dir": str(traffic.gateway.folder / "policies")
    }
    (tmp_path / ".gateway").mkdir()
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with contextlib.closing(sqlite3.connect(tmp_path / ".gateway" / "ledger.db")) as ledger:
        ledger.execute("CREATE TABLE calls (id TEXT)")
    before = {path: path.read_bytes() for path in (tmp_path / ".gateway").iterdir()}
    gateway = object.__new__(Gateway)
    gateway.folder, gateway.config_file = tmp_path, tmp_path / "config.yaml"
    done = gateway.cli("policy", "impact", "--proposed", str(traffic.proposed), check=False)
    assert done.returncode == 1
    assert "start this version of the gateway once" in done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / ".gateway").iterdir()} == before


def test_a_gateway_without_calls_has_no_impact(traffic: Traffic, tmp_path: Path) -> None:
    with gateways(tmp_path) as make:
        gateway = make(policies={"access": NOW}, models=MODELS)
        said = gateway.cli("policy", "impact", "--proposed", str(traffic.proposed), "--exit-code").stdout
        assert said == "no calls in the last 7 days\n"
        assert not gateway.state.exists()


def test_a_proposal_with_a_mistake_is_told_by_line(traffic: Traffic, tmp_path: Path) -> None:
    shutil.copytree(traffic.proposed, tmp_path / "p")
    (tmp_path / "p" / "models" / "9.yaml").write_text(CARD.format(name="bad", target="mcok/x"))
    done = traffic.gateway.cli("policy", "impact", "--proposed", str(tmp_path / "p"), check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "9.yaml:3" in done.stderr
    assert "did you mean `mock`" in done.stderr
