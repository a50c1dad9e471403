"""Questions that mean the same, through a real gateway: embeddings asked for by itself, metered like any call."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.cache.pairs import Pair, digest_of
from gateway.testing import Received, ScriptedUpstream, Write, json_answer, status
from tests.behaviour.cached_desk import ANSWER, CHAT
from tests.conftest import Gateway, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMBEDDINGS = "/v1/embeddings"
ACCESS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: [test-model, small], teams: [team-a, team-b]}
  - {id: vectors, effect: allow, owner: tests, reason: tests, models: [embed], teams: [team-a]}
"""
CACHE = """
rules:
  - id: like
    match: {models: [test-model]}
    ttl_s: 600
    semantic: {model: embed, threshold: 0.9, evaluated: faq, max_false_hits: 0.05}
"""
PAIRS = [Pair(f"how do I reset it {n}", f"it {n} how reset do I", True) for n in range(25)]
PAIRS += [Pair(f"how do I reset it {n}", f"cancel my order {n}", False) for n in range(25)]


def files(model: str = "embed", cosine_of_others: float = 0.3) -> dict[str, str]:
    cosines = [0.99 if pair.same else cosine_of_others for pair in PAIRS]
    measured = {"model": model, "pairs": digest_of(PAIRS), "cosines": cosines}
    pairs = [{"a": pair.a, "b": pair.b, "same": pair.same} for pair in PAIRS]
    return {"cache/faq": json.dumps({"pairs": pairs}), "cache/faq.measured": json.dumps(measured)}


def vector_of(text: str) -> list[float]:
    """Texts of the same words have the same direction."""
    found = [0.0] * 64
    for word in text.lower().replace("?", "").split():
        found[sum(word.encode()) % 64] += 1.0
    return found


async def embedded(received: Received, write: Write) -> None:
    texts = received.json()["input"]
    data = [{"index": n, "object": "embedding", "embedding": vector_of(text)} for n, text in enumerate(texts)]
    answer = {"data": list(reversed(data)), "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    await json_answer(answer)(received, write)


class Desk:
    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, keys: dict[str, str]) -> None:
        self.gateway, self.upstream, self.keys = gateway, upstream, keys
        self.client = httpx.AsyncClient(base_url=gateway.base_url, timeout=20)

    async def ask(self, said: str, who: str = "team-a", timeout_s: str = "20", **fields: Any) -> httpx.Response:
        body = {"model": "test-model", "messages": [{"role": "user", "content": said}], **fields}
        headers = {"authorization": f"Bearer {self.keys[who]}", "x-request-timeout": timeout_s}
        return await self.client.post("/chat/completions", json=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER), EMBEDDINGS: embedded}) as upstream:
        with gateways(tmp_path_factory.mktemp("semantic")) as make:
            models = {"test-model": {"targets": ["mock/m"]}, "embed": {"targets": ["mock/e"]}}
            gateway = make(upstream.base_url, models=models, policies={"access": ACCESS, "cache": CACHE, **files()})
            keys = {team: gateway.create_key(team) for team in ("team-a", "team-b")}
            gateway.key = keys["team-a"]
            await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream, keys)
            yield desk
            await desk.client.aclose()


async def test_a_question_in_other_words_is_answered_from_the_cache(desk: Desk) -> None:
    first = await desk.ask("How do I reset the password?")
    second = await desk.ask("the password, how do I reset".replace(",", ""))
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert second.content == first.content
    assert float(second.headers["x-gateway-cache-likeness"]) > 0.99
    assert "x-gateway-cache-likeness" not in first.headers
    rows = {row["id"]: row for row in await asyncio.to_thread(desk.gateway.records, 4)}
    hit = rows[second.headers["x-request-id"]]
    assert (hit["cache"], hit["cost_nano"], hit["saved_nano"]) == ("semantic", None, 13_000)
    own = [row for row in rows.values() if row["operation"] == "embeddings"]
    assert len(own) == 2
    assert {(row["team"], row["outcome"], row["model"], row["input_tokens"], row["cost_nano"]) for row in own} == {
        ("team-a", "completed", "embed", 5, 5_000)
    }


@pytest.mark.parametrize(
    "other",
    [
        {"said": "cancel my order please"},
        {"said": "open hours what are your", "temperature": 0.3},
        {"said": "open hours what are your", "messages": [{"role": "system", "content": "Be rude."}, {"role": "user", "content": "open hours what are your"}]},
        {"said": "open hours what are your", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}, {"role": "user", "content": "open hours what are your"}]},
    ],
    ids=["another question", "another parameter", "another system prompt", "another conversation"],
)  # fmt: skip
async def test_everything_else_must_be_the_same(desk: Desk, other: dict[str, Any]) -> None:
    await desk.ask("What are your open hours")
    assert (await desk.ask(**other)).headers["x-cache"] == "miss"


@pytest.mark.parametrize(
    "broken",
    [status(500), json_answer({"data": []}), json_answer({"data": "no"})],
    ids=["fails", "nothing", "nonsense"],
)
async def test_without_vectors_the_upstream_is_asked(desk: Desk, broken: Any, request: pytest.FixtureRequest) -> None:
    said = f"is it alright {request.node.callspec.id}"
    await desk.ask(said)
    desk.upstream.set(EMBEDDINGS, broken)
    try:
        answer = await desk.ask(f"alright {said.replace(' alright', '')}")
    finally:
        desk.upstream.set(EMBEDDINGS, embedded)
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "miss")


async def test_vectors_are_waited_for_no_longer_than_the_caller_waits(desk: Desk) -> None:
    async def never(_received: Received, _write: Write) -> None:
        await asyncio.Event().wait()

    started_ns = time.time_ns()
    desk.upstream.set(EMBEDDINGS, never)
    try:
        await desk.ask("who has so much patience", timeout_s="1")
    finally:
        desk.upstream.set(EMBEDDINGS, embedded)
    rows = await asyncio.to_thread(desk.gateway.records, 2, since_ns=started_ns)
    (own,) = [row for row in rows if row["operation"] == "embeddings"]
    assert (own["outcome"], own["error_code"]) == ("failed", "deadline_exceeded")


async def test_who_hangs_up_while_he_looks_leaves_the_asking_to_the_next_in_line(desk: Desk) -> None:
    begun = asyncio.Event()

    async def never(_received: Received, _write: Write) -> None:
        begun.set()
        await asyncio.Event().wait()

    desk.upstream.set(EMBEDDINGS, never)
    try:
        first = asyncio.create_task(desk.ask("gone while looking"))
        await begun.wait()
        second = asyncio.create_task(desk.ask("gone while looking"))
        await asyncio.sleep(0.2)
    finally:
        desk.upstream.set(EMBEDDINGS, embedded)
    first.cancel()
    answer = await second
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "miss")


async def test_vectors_of_another_length_fail_no_call(desk: Desk) -> None:
    async def of_another_model(received: Received, write: Write) -> None:
        await json_answer({"data": [{"index": 0, "embedding": [1.0, 0.0]}], "model": "e"})(received, write)

    await desk.ask("how long is a vector")
    desk.upstream.set(EMBEDDINGS, of_another_model)
    try:
        answers = [await desk.ask(said) for said in ("is a vector how long", "long is how a vector")]
    finally:
        desk.upstream.set(EMBEDDINGS, embedded)
    assert [one.status_code for one in answers] == [200, 200]
    assert (await desk.ask("a vector is how long")).headers["x-cache"] == "hit", "what was known before is known yet"


async def test_who_may_not_use_the_model_of_vectors_gets_no_like_answers(desk: Desk) -> None:
    await desk.ask("may they have it all")
    assert (await desk.ask("all it may they have", "team-b")).headers["x-cache"] == "miss"
    assert (await desk.ask("may they have it all", "team-b")).headers["x-cache"] == "hit", "the very same it gets"


async def test_pairs_are_measured_by_a_running_gateway(desk: Desk, tmp_path: Any) -> None:
    policies, key = desk.gateway.folder / "policies", tmp_path / "key"
    key.write_text(desk.keys["team-a"])
    measured = policies / "cache" / "faq.measured.yaml"
    before = measured.read_text()
    try:
        done = await asyncio.to_thread(
            desk.gateway.cli,
            "cache",
            "evaluate",
            "--write",
            "--gateway",
            desk.gateway.url,
            "--key-file",
            str(key),
            "--json",
        )
        (told,) = json.loads(done.stdout)
        assert (told["rule"], told["refused"], told["pairs"]) == ("like", "", 50)
        at = next(line for line in told["judged"] if line["threshold"] == 0.9)
        assert at == {"threshold": 0.9, "hits": 25, "false_hits": 0, "missed": 0, "false_hit_rate": 0.0}
        written = json.loads(measured.read_text())
        assert (written["model"], written["pairs"]) == ("embed", digest_of(PAIRS))
        assert min(written["cosines"][:25]) > 0.999
        assert "valid" in (await asyncio.to_thread(desk.gateway.cli, "check")).stdout
    finally:
        measured.write_text(before)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (files(cosine_of_others=0.95), "25 of 50 pairs as alike as 0.9 are not the same (50.0%); max_false_hits is 5.0%"),
        (files(model="other"), "the pairs were measured with `other`, not with `embed`"),
        ({**files(), "cache/faq.measured": json.dumps({"model": "embed", "pairs": "x", "cosines": []})}, "the pairs have changed since they were measured"),
        ({"cache/faq": files()["cache/faq"]}, "nobody has measured the pairs"),
        ({}, "there are no pairs in policies/cache/faq.yaml"),
        ({**files(), "cache/faq": json.dumps({"pairs": [{"a": "a", "b": "b", "same": True}]})}, "has 1 pairs that are the same and 0 that are not"),
    ],
    ids=["wrong too often", "another model", "other pairs", "not measured", "no pairs", "too few"],
)  # fmt: skip
async def test_a_rule_that_is_not_proven_is_refused(changed: dict[str, str], reason: str, make_gateway: Any) -> None:
    models = {"test-model": {"targets": ["mock/m"]}, "embed": {"targets": ["mock/e"]}}
    gateway = make_gateway(models=models, policies={"access": ACCESS, "cache": CACHE, **changed})
    done = await asyncio.to_thread(lambda: gateway.cli("check", check=False))
    assert done.returncode == 1
    assert reason in done.stdout
