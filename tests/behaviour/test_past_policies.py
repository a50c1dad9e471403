"""The history of a real gateway's policies: listed, verified, and asked who could use what then."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.conftest import ACCESS, Gateway, gateways

DENY = ACCESS + "  - {id: no-more, effect: deny, owner: tests, reason: it is over, models: [test-model]}\n"
WHO = ("--tenant", "acme", "--team", "team-a")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One whose rules were changed while it ran."""
    with gateways(tmp_path_factory.mktemp("past")) as make:
        gateway = make().start()
        chain = gateway.state / "policy_history" / "chain.jsonl"
        deadline = time.monotonic() + 30
        for count, access in ((1, None), (2, DENY)):
            if access is not None:
                (gateway.folder / "policies" / "access.yaml").write_text(access)
            while not chain.exists() or chain.read_bytes().count(b"\n") < count:
                assert time.monotonic() < deadline, gateway.log()
                time.sleep(0.05)
        yield gateway


def history(gateway: Gateway) -> list[dict[str, Any]]:
    return json.loads(gateway.cli("policy", "history", "--json").stdout)


def test_the_history_tells_what_took_force(gateway: Gateway) -> None:
    first, second = history(gateway)
    assert (first["seq"], second["seq"], second["changed"], second["prev"]) == (1, 2, ["access.yaml"], first["hash"])
    newest, oldest = gateway.cli("policy", "history").stdout.splitlines()[1:]
    assert newest.split()[0] == "2"
    assert newest.endswith("access.yaml")
    assert oldest.endswith("the first: 5 files")


def test_who_could_use_what_is_answered_for_then_and_now(gateway: Gateway) -> None:
    first, second = history(gateway)
    then = json.loads(
        gateway.cli("policy", "at", first["activated_at"], *WHO, "--model", "test-model", "--json").stdout
    )
    assert (then["decision"]["allowed"], then["policy"]["hash"]) == (True, first["hash"])
    now = gateway.cli("policy", "at", second["activated_at"], *WHO, "--model", "test-model").stdout
    assert f"at {second['activated_at']} acme/team-a could not use test-model for chat" in now
    assert "mock/real-model (card test-model, approved): refused by no-more" in now
    assert f"entry 2 of 2, in force since {second['activated_at']}" in now
    assert f"head {second['hash']}" in now
    listed = gateway.cli("policy", "at", first["activated_at"], *WHO).stdout.splitlines()
    assert [line.split() for line in listed[1:3]] == [["model", "card", "target", "status"], ["test-model", "test-model", "mock/real-model", "approved"]]  # fmt: skip
    nothing = gateway.cli("policy", "at", second["activated_at"], *WHO).stdout
    assert "could use nothing: no model was allowed then" in nothing


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["2001-01-01", *WHO], "it begins at"),
        (["9000-01-01", *WHO], "has not come yet"),
        (["soon", *WHO], "not an ISO 8601"),
        (["now", "--team", "x"], "--tenant"),
    ],
)
def test_what_cannot_be_answered_is_said(gateway: Gateway, arguments: list[str], says: str) -> None:
    done = gateway.cli("policy", "at", *arguments, check=False)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert done.stdout == ""


async def test_the_admin_api_answers_the_same(gateway: Gateway) -> None:
    first, second = await asyncio.to_thread(history, gateway)
    admin = gateway.operator
    async with httpx.AsyncClient(base_url=f"{gateway.url}/admin/policy", headers=admin, timeout=20) as client:
        listed = (await client.get("/history", params={"limit": 1})).json()
        assert listed["data"] == [second]
        rest = (await client.get("/history", params={"cursor": listed["next_cursor"]})).json()
        assert (rest["data"], rest["next_cursor"]) == ([first], None)
        who = {"tenant": "acme", "team": "team-a"}
        then = (await client.get("/at", params={**who, "time": first["activated_at"], "model": "test-model"})).json()
        command = ("policy", "at", first["activated_at"], *WHO, "--model", "test-model", "--json")
        assert then == json.loads((await asyncio.to_thread(gateway.cli, *command)).stdout)
        early = await client.get("/at", params={**who, "time": "2001-01-01"})
        assert (early.status_code, early.json()["code"]) == (404, "not_found")
        now = datetime.now(UTC).isoformat()
        assert (await client.get("/at", params={**who, "time": now})).json()["models"] == []


def test_a_chain_holds_until_somebody_touches_it(gateway: Gateway) -> None:
    """The last of this file: it breaks what the others ask."""
    first, second = history(gateway)
    told = gateway.cli("policy", "history", "--verify", "--head", first["hash"]).stdout
    assert told == f"2 entries, and all their files, are as they were written; head {second['hash']}\n"
    unknown = gateway.cli("policy", "history", "--verify", "--head", "0" * 64, check=False)
    assert (unknown.returncode, unknown.stderr.count("error:")) == (1, 1)
    chain = gateway.state / "policy_history" / "chain.jsonl"
    chain.write_bytes(chain.read_bytes().replace(b'"seq":1', b'"seq":4'))
    broken = gateway.cli("policy", "history", "--verify", check=False)
    assert broken.returncode == 1
    assert broken.stderr.count("error:") >= 2, "every problem is named"
    assert "chain.jsonl:1" in broken.stderr
    as_json = json.loads(gateway.cli("policy", "history", "--verify", "--json", check=False).stdout)
    assert (as_json["verified"], len(as_json["problems"])) == (False, broken.stderr.count("error:"))
    at = gateway.cli("policy", "at", second["activated_at"], *WHO, check=False)
    assert (at.returncode, at.stdout) == (1, "")
    assert "the history proves nothing" in at.stderr


def test_a_gateway_that_never_served_has_no_history(tmp_path_factory: pytest.TempPathFactory) -> None:
    with gateways(tmp_path_factory.mktemp("new")) as make:
        gateway = make()
        assert gateway.cli("policy", "history").stdout.startswith("the history is empty")
        assert gateway.cli("policy", "history", "--verify").returncode == 0
        assert "when a gateway first serves" in gateway.cli("policy", "at", "2020-01-01", *WHO, check=False).stderr
