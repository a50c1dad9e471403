"""`store` and `previous_response_id` work whoever is behind the gateway, and a tenant's conversations are its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer, status
from tests.conftest import Gateway, GatewayFactory, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

TENANTS = """
tenants:
  - {id: acme, name: Acme, teams: [{id: team-a, name: A}]}
  - {id: other, name: Other, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = 'rules: [{id: all, effect: allow, owner: tests, reason: tests, models: ["*"]}]\n'
CHAT, NATIVE = "/v1/chat/completions", "/v1/responses"
ANSWER = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "I am well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "I am well."}, "finish_reason": None}]}
END = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": ANSWER["usage"]}
OWN = {
    "id": "resp_upstream",
    "object": "response",
    "status": "completed",
    "output": [],
    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}


class Desk:
    """A gateway before an upstream that speaks chat completions and one that speaks responses, and two tenants."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, ours: str, theirs: str) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.ours, self.theirs = self.client(ours), self.client(theirs)

    def client(self, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.gateway.base_url, headers={"authorization": f"Bearer {key}"}, timeout=20)

    async def ask(self, said: str, previous: str = "", **fields: Any) -> dict[str, Any]:
        more = {"previous_response_id": previous} if previous else {}
        answer = await self.ours.post("/responses", json={"model": "chat", "input": said, **more, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def heard(self) -> list[tuple[str, str]]:
        """The messages of the last request that reached the upstream."""
        return [(one["role"], one["content"]) for one in self.upstream.requests[-1].json()["messages"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER), NATIVE: json_answer(OWN)}) as upstream:
        with gateways(tmp_path_factory.mktemp("stored")) as make:
            gateway = made(make, upstream)
            said = gateway.cli("keys", "create", "--tenant", "other", "--team", "theirs", "--owner", "o")
            await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream, gateway.key, said.stdout.split()[0])
            yield desk
            await desk.ours.aclose()
            await desk.theirs.aclose()


def made(make: GatewayFactory, upstream: ScriptedUpstream, **config: Any) -> Gateway:
    kind = {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k"}
    providers = {"chat": {**kind, "protocols": ["chat"]}, "native": {**kind, "protocols": ["responses"]}}
    models = {"chat": {"targets": ["chat/m"]}, "native": {"targets": ["native/m"]}}
    policies = {"tenants": TENANTS, "access": ACCESS}
    return make(providers=providers, models=models, policies=policies, **config)


async def test_a_conversation_goes_on_by_an_id_alone(desk: Desk) -> None:
    first = await desk.ask("How are you?", instructions="Be brief.")
    second = await desk.ask("And now?", first["id"])
    assert desk.heard == [("user", "How are you?"), ("assistant", "I am well."), ("user", "And now?")]
    assert second["previous_response_id"] == first["id"]
    await desk.ask("Still?", second["id"])
    assert [said for _, said in desk.heard] == ["How are you?", "I am well.", "And now?", "I am well.", "Still?"]


async def test_a_conversation_that_was_streamed_goes_on(desk: Desk) -> None:
    desk.upstream.set(CHAT, event_stream(event(CHUNK), event(END), DONE))
    answer = await desk.ours.post("/responses", json={"model": "chat", "input": "How are you?", "stream": True})
    desk.upstream.set(CHAT, json_answer(ANSWER))
    (id_,) = {
        line.split('"id":"')[1].split('"')[0] for line in answer.text.splitlines() if '"response":{"id":"' in line
    }
    await desk.ask("And now?", id_)
    assert desk.heard[1] == ("assistant", "I am well.")


async def test_a_stored_response_is_read_page_by_page_and_deleted(desk: Desk) -> None:
    first = await desk.ask("one")
    items = [{"role": "user", "content": text} for text in ("two", "three", "four")]
    second = await desk.ask(items, first["id"])  # type: ignore[arg-type]
    place = f"/responses/{second['id']}"
    assert (await desk.ours.get(place)).json() == second
    page = (await desk.ours.get(f"{place}/input_items", params={"limit": 2, "order": "asc"})).json()
    assert ([one["content"][0]["text"] for one in page["data"]], page["has_more"]) == (["two", "three"], True)
    rest = (await desk.ours.get(f"{place}/input_items", params={"after": page["last_id"], "order": "asc"})).json()
    assert ([one["content"][0]["text"] for one in rest["data"]], rest["has_more"]) == (["four"], False)
    gone = await desk.ours.delete(place)
    assert gone.json() == {"id": second["id"], "object": "response", "deleted": True}
    for again in (await desk.ours.get(place), await desk.ours.delete(place)):
        assert (again.status_code, again.json()["error"]["code"]) == (404, "response_not_found")


async def test_a_conversation_without_its_beginning_is_refused(desk: Desk) -> None:
    first = await desk.ask("one")
    second = await desk.ask("two", first["id"])
    await desk.ours.delete(f"/responses/{first['id']}")
    refused = await desk.ours.post(
        "/responses", json={"model": "chat", "input": "three", "previous_response_id": second["id"]}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "previous_response_not_found")


async def test_store_false_keeps_nothing(desk: Desk) -> None:
    said = await desk.ask("a secret", store=False)
    assert (await desk.ours.get(f"/responses/{said['id']}")).status_code == 404


@pytest.mark.parametrize("model", ["chat", "native"])
async def test_another_tenants_response_is_as_unknown_as_one_that_never_was(desk: Desk, model: str) -> None:
    said = await desk.ask("ours", model=model)
    reached = len(desk.upstream.requests)
    for id_ in (said["id"], "resp_of_nobody"):
        answers = [
            await desk.theirs.get(f"/responses/{id_}"),
            await desk.theirs.delete(f"/responses/{id_}"),
            await desk.theirs.get(f"/responses/{id_}/input_items"),
            await desk.theirs.post("/responses", json={"model": model, "input": "x", "previous_response_id": id_}),
        ]
        assert [one.status_code for one in answers] == [404, 404, 404, 400]
        told = {one.json()["error"]["message"].replace(id_, "…") for one in answers}
        assert told == {"no response `…` is stored here; it may have expired"}
    assert len(desk.upstream.requests) == reached, "nothing of it is asked of the upstream, whose account is shared"
    assert (await desk.ours.get(f"/responses/{said['id']}")).status_code == 200


async def test_an_upstream_that_stores_is_told_to_forget(desk: Desk) -> None:
    desk.upstream.set(f"{NATIVE}/resp_upstream", json_answer({"id": "resp_upstream", "deleted": True}))
    said = await desk.ask("ours", model="native")
    assert said["id"] == "resp_upstream"
    await desk.ask("go on", said["id"], model="native")
    assert desk.upstream.requests[-1].json()["previous_response_id"] == said["id"], "it knows the id itself"
    assert (await desk.ours.delete(f"/responses/{said['id']}")).status_code == 200
    last = desk.upstream.requests[-1]
    assert (last.method, last.path, last.headers["authorization"]) == ("DELETE", f"{NATIVE}/{said['id']}", "Bearer k")


async def test_a_conversation_goes_on_with_another_model(desk: Desk) -> None:
    """What an upstream kept is of no use to another: then the whole conversation is sent."""
    own = {**OWN, "id": "resp_moves", "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Here.", "annotations": []}]}]}  # fmt: skip
    desk.upstream.set(NATIVE, json_answer(own))
    said = await desk.ask("Where?", model="native")
    desk.upstream.set(NATIVE, json_answer(OWN))
    await desk.ask("And now?", said["id"])
    assert desk.heard == [("user", "Where?"), ("assistant", "Here."), ("user", "And now?")]


async def test_a_stream_that_breaks_is_not_stored(desk: Desk) -> None:
    desk.upstream.set(CHAT, event_stream(event(CHUNK)))
    answer = await desk.ours.post("/responses", json={"model": "chat", "input": "How are you?", "stream": True})
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert "response.failed" in answer.text
    id_ = answer.text.split('"response":{"id":"')[1].split('"')[0]
    assert (await desk.ours.get(f"/responses/{id_}")).status_code == 404


async def test_a_refusal_is_not_stored(desk: Desk) -> None:
    desk.upstream.set(CHAT, status(400))
    answer = await desk.ours.post("/responses", json={"model": "chat", "input": "x"})
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert answer.status_code == 400


async def test_where_nothing_is_stored_the_client_is_told_what_to_do(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = await asyncio.to_thread(made(make_gateway, upstream, responses={"store": False}).start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            said = (await client.post("/responses", json={"model": "chat", "input": "x"})).json()
            assert (await client.get(f"/responses/{said['id']}")).status_code == 404
            more = {"model": "chat", "input": "x", "previous_response_id": said["id"]}
            refused = (await client.post("/responses", json=more)).json()["error"]
            assert "send the whole conversation as `input`" in refused["message"]
            assert refused["param"] == "previous_response_id"
            assert not (gateway.state / "responses.db").exists()


async def test_conversations_outlast_a_restart(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = await asyncio.to_thread(made(make_gateway, upstream).start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            said = (await client.post("/responses", json={"model": "chat", "input": "x"})).json()
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
            more = {"model": "chat", "input": "y", "previous_response_id": said["id"]}
            assert (await client.post("/responses", json=more)).status_code == 200
            assert len(upstream.requests[-1].json()["messages"]) == 3
