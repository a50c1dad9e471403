"""What `POST /v1/feedback` does not take: other people's calls, texts nobody agreed to, nonsense, and too much."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.behaviour.feedback_desk import Desk, feedback_desk
from tests.conftest import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with feedback_desk(tmp_path_factory.mktemp("feedback")) as desk:
        yield desk


# One's own.


async def test_what_is_somebody_elses_is_answered_as_what_is_nobodys(desk: Desk) -> None:
    answer = await desk.chat("chatcmpl-own")
    call = answer.headers["x-request-id"]

    async def heard(who: httpx.AsyncClient, named: str, **said: str) -> tuple[int, str]:
        told = await desk.say(who, **said, value="up")
        error = told.json()["error"]
        error["gateway"].pop("request_id")
        return told.status_code, json.dumps(error).replace(named, "…")

    nobodys = call[:-6] + ("000000" if call[-6:] != "000000" else "000001")
    for drained in (False, True):
        if drained:
            await asyncio.to_thread(desk.gateway.records, 1)
            assert (await desk.say(request_id=call, value="up")).status_code == 201
            await desk.kept(call)
        for who in (desk.neighbours, desk.theirs):
            for name, known, unknown in (
                ("request_id", call, nobodys),
                ("response_id", "chatcmpl-own", "chatcmpl-ohn"),
            ):
                told = await heard(who, known, **{name: known})
                assert told == await heard(who, unknown, **{name: unknown})
                assert told[0] == 404
    assert len(await desk.kept(call)) == 1
    assert (await desk.say(request_id="no id at all", value="up")).json()["error"]["code"] == "call_not_found"


async def test_without_a_key_nobody_hears_anything(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.gateway.base_url, timeout=20) as nobody:
        assert (await nobody.post("/feedback", json={})).json()["error"]["code"] == "invalid_api_key"
        assert (await nobody.get("/feedback")).status_code == 401
    assert (await desk.ours.get("/feedback")).status_code == 405


async def test_a_kept_answer_is_each_callers_own(desk: Desk) -> None:
    """They all have the id of the answer that was kept."""
    first = await desk.chat("chatcmpl-cache", model="cached")
    second = await desk.chat("chatcmpl-never", desk.neighbours, model="cached")
    assert (second.headers["x-cache"], second.json()["id"]) == ("hit", "chatcmpl-cache")
    for who, answer in ((desk.ours, first), (desk.neighbours, second)):
        said = await desk.say(who, response_id="chatcmpl-cache", value="up")
        assert said.json()["request_id"] == answer.headers["x-request-id"]


# What people wrote.


async def test_what_people_wrote_is_kept_where_the_tenant_agreed_and_shown_to_few(desk: Desk) -> None:
    call = (await desk.chat("chatcmpl-texts", user="jane@example.com")).headers["x-request-id"]
    texts = {"comment": "not-for-logs-1", "correction": "not-for-logs-2"}
    said = await desk.say(request_id=call, value="down", **texts, user="rater@example.com", labels={"case": "a"})
    assert said.status_code == 201
    assert not any(text in said.text for text in texts.values())
    await desk.kept(call)
    one = await desk.admin(f"calls/{call}")
    assert [(row["label"], row["labels"]) for row in one["feedback"]] == [("down", {"case": "a"})]
    page = await desk.admin("feedback", tenant="acme", limit="1000")
    assert [row["has_comment"] for row in page["data"] if row["call"] == call] == [True]
    assert not any(text in json.dumps([one, page]) for text in texts.values())
    (shown,) = (await desk.admin(f"feedback/{call}"))["data"]
    assert (shown["comment"], shown["correction"], shown["user"]) == (*texts.values(), "rater@example.com")
    lines = (await desk.admin("audit", limit="1000"))["data"]
    assert [line["object"] for line in lines if line["action"] == "feedback.read"][-1] == call
    assert "not-for-logs" not in desk.gateway.log()
    forgot = await asyncio.to_thread(desk.gateway.cli, "ledger", "forget", "--user", "jane@example.com")
    assert "1 pieces of feedback" in forgot.stdout
    (row,) = await desk.kept(call)
    assert (row["comment"], row["correction"], row["score"]) == ("", "", 0.0)
    assert b"not-for-logs" not in b"".join(path.read_bytes() for path in desk.gateway.state.glob("ledger.db*"))


async def test_a_tenant_that_did_not_agree_is_told_and_nothing_is_recorded(desk: Desk) -> None:
    call = (await desk.chat("chatcmpl-theirs", desk.theirs)).headers["x-request-id"]
    for field in ("comment", "correction"):
        told = await desk.say(desk.theirs, request_id=call, value="up", **{field: "text"})
        error = told.json()["error"]
        assert (told.status_code, error["code"], error["param"]) == (400, "feedback_texts_not_kept", field)
        assert "feedback_texts: true" in error["message"]
    await desk.say(desk.theirs, request_id=call, value="up")
    assert len(await desk.kept(call)) == 1


async def test_where_policy_wants_nothing_kept_of_a_call_nothing_is(desk: Desk) -> None:
    answer = await desk.chat("chatcmpl-secret", model="secret")
    assert "no_content" in answer.headers["x-gateway-obligations"]
    call = answer.headers["x-request-id"]
    for _ in range(2):
        told = await desk.say(request_id=call, value="up", comment="text")
        assert (told.status_code, told.json()["error"]["code"]) == (400, "feedback_texts_not_kept")
        assert (await desk.say(request_id=call, value="up")).status_code == 201
        await desk.kept(call)  # and once more from the ledger


# Bad input.


@pytest.mark.parametrize(
    ("body", "param", "why"),
    [
        (b"", None, "not JSON"),
        (b"{", None, "not JSON"),
        (b"\xff", None, "not JSON"),
        (b"[" * 100_000, None, "is a JSON object"),
        (b"[]", None, "is a JSON object"),
        (b"{}", "value", "`value` is missing"),
        (b'{"value":"up"}', "request_id", "not by both"),
        (b'{"value":"up","request_id":"a","response_id":"b"}', "request_id", "not by both"),
        (b'{"value":null,"request_id":"a"}', "value", '"up" or "down"'),
        (b'{"value":{},"request_id":"a"}', "value", '"up" or "down"'),
        (b'{"value":1e999,"request_id":"a"}', "value", '"up" or "down"'),
        (b'{"value":1e300,"request_id":"a"}', "value", "from -1000000000 to"),
        (b'{"value":"what a mess","request_id":"a"}', "value", "goes into `comment`"),
        (b'{"value":"' + b"x" * 65 + b'","request_id":"a"}', "value", "longer than 64"),
        (b'{"value":"up","request_id":""}', "request_id", "is empty"),
        (b'{"value":"up","request_id":7}', "request_id", "expected a text"),
        (b'{"value":"up","request_id":"a","metrc":"x"}', "metrc", "did you mean `metric`"),
        (b'{"value":"up","request_id":"a","metric":"strs"}', "metric", "did you mean `stars`"),
        (b'{"value":"up","request_id":"a","labels":{"a":1}}', "labels", "expected a text"),
        (b'{"value":"up","request_id":"a","labels":{"":"x"}}', "labels", "is empty"),
        (b'{"value":"up","request_id":"a","comment":"' + b"x" * 4_001 + b'"}', "comment", "longer than 4000"),
        (b'{"value":"up","request_id":"a","comment":"\\ud800"}', None, "not JSON"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_what_to_do(
    desk: Desk, body: bytes, param: str | None, why: str
) -> None:
    told = await desk.ours.post("/feedback", content=body, headers={"content-type": "application/json"})
    error = told.json()["error"]
    assert (told.status_code, error["param"], error["code"]) == (400, param, "invalid_request")
    assert why in error["message"]


async def test_more_than_is_taken_is_refused_before_it_is_read(desk: Desk) -> None:
    labels = {f"l{number}": "x" for number in range(17)}
    assert (await desk.say(request_id="a", value="up", labels=labels)).json()["error"]["param"] == "labels"
    large = await desk.ours.post("/feedback", content=b'{"value":"up","comment":"' + b"x" * 300_000)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "request_too_large")
    assert large.headers["connection"] == "close"  # the rest of it is not read, so nothing can come after it
    packed = await desk.ours.post("/feedback", content=b"x", headers={"content-encoding": "gzip"})
    assert packed.json()["error"]["param"] == "content-encoding"
    bad_key = await desk.say(request_id="a", value="up", headers={"idempotency-key": "x" * 256})
    assert bad_key.json()["error"]["param"] == "idempotency-key"


async def test_a_team_sends_so_much_a_minute_and_its_neighbour_may_all_the_same(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with gateways(tmp_path_factory.mktemp("paced")) as make:
        gateway = make(desk.upstream.base_url, feedback={"requests_per_minute": 3})
        keys = [gateway.create_key(team) for team in ("team-a", "team-b")]
        gateway.key = keys[0]
        await asyncio.to_thread(gateway.start)
        async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20) as client:

            async def say(key: str) -> httpx.Response:
                body = {"request_id": "x", "value": "up"}
                return await client.post("/feedback", json=body, headers={"authorization": f"Bearer {key}"})

            told = [await say(keys[0]) for _ in range(4)]
            assert [one.status_code for one in told] == [404, 404, 404, 429]
            assert 1 <= int(told[-1].headers["retry-after"]) <= 20
            assert "feedback.requests_per_minute" in told[-1].json()["error"]["message"]
            assert (await say(keys[1])).status_code == 404
