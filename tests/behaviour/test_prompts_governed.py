"""Prompts in the hands of operators: labels moved over the admin API, limits per prompt, run and agent, and templates that
cannot be rendered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.behaviour.test_guardrails import answer
from tests.behaviour.test_prompts import publish
from tests.conftest import Gateway, Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
GREET = '---\nmodel: test-model\n---\n{{role "system"}}Greet.\n{{role "user"}}{{text}}'
HUGE = "---\nmodel: test-model\n---\n{{#each words}}{{../text}}{{/each}}"
LIMITS = """
limits:
  - {id: of-a-run, match: {tenants: [acme]}, per: [run], requests_per_day: 2}
  - {id: of-an-agent, match: {tenants: [acme]}, per: [agent], requests_per_day: 3}
  - {id: of-a-prompt, match: {prompts: [counted]}, per: [prompt], requests_per_day: 2}
"""


def prepare(gateway: Gateway) -> None:
    (gateway.folder / "policies" / "prompts").mkdir(parents=True)
    publish(gateway, "greet", GREET, GREET.replace("Greet.", "Greet twice."))
    for name, text in (("counted", GREET), ("other", GREET), ("huge", HUGE)):
        publish(gateway, name, text, meta="labels: {production: 1}\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": json_answer(answer("Fine."))}) as upstream:
        with gateways(tmp_path_factory.mktemp("governed")) as make:
            gateway = make(upstream.base_url, policies={"limits": LIMITS})
            await asyncio.to_thread(prepare, gateway)
            await asyncio.to_thread(gateway.start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
                yield Site(gateway, upstream, client)


async def ask(site: Site, prompt: str, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    asked = {"prompt": {"id": prompt, "variables": {"text": "hello"}}, **body}
    return await site.client.post(CHAT, json=asked, headers=headers)


async def versions(site: Site) -> dict[str, str]:
    """Which version each of 24 users is answered by."""
    found = await asyncio.gather(*(ask(site, "greet", user=f"user-{number}") for number in range(24)))
    return {f"user-{n}": one.headers.get("x-gateway-prompt", one.text).split(";")[0] for n, one in enumerate(found)}


async def become(site: Site, wanted: set[str]) -> dict[str, str]:
    """The same twice: the first may have been asked for while the label moved."""
    before: dict[str, str] = {}
    async with asyncio.timeout(30):
        while set((found := await versions(site)).values()) != wanted or found != before:
            before = found
            await asyncio.sleep(0.1)
    return found


async def test_a_label_is_moved_and_moved_back_over_the_admin_api(fresh: Site) -> None:
    assert (await ask(fresh, "greet")).status_code == 404, "no label stands anywhere yet"
    async with httpx.AsyncClient(base_url=fresh.gateway.url, headers=fresh.gateway.operator, timeout=20) as operator:

        async def move(to: object, reason: str) -> dict[str, Any]:
            body = {"prompt": "greet", "label": "production", "to": to, "reason": reason}
            reply = await operator.post("/admin/prompts/labels", json=body)
            assert reply.status_code == 201, reply.text
            return reply.json()

        first = await move(1, "the first")
        assert (first["before"], first["after"], first["reason"]) == ("", "1", "the first")
        await become(fresh, {"greet@1"})
        await move({"1": 50, "2": 50}, "half of them")
        both = await become(fresh, {"greet@1", "greet@2"})
        assert await versions(fresh) == both, "a user stays with one version"
        back = await operator.post("/admin/prompts/rollback", json={"prompt": "greet", "label": "production"})
        assert (back.json()["after"], back.json()["rollback"]) == ("1", True)
        await become(fresh, {"greet@1"})
        moves = (await operator.get("/admin/prompts/moves", params={"prompt": "greet"})).json()["data"]
        assert [one["after"] for one in moves] in (["1", "1:50 2:50", "1"], ["1", "1:50 2:50", "1"][::-1])
        assert {one["actor"] for one in moves} == {"admin"}
        unknown = await operator.post("/admin/prompts/labels", json={"prompt": "greet", "label": "production", "to": 9})
        assert unknown.status_code == 404, unknown.text


@pytest.mark.parametrize(
    ("header", "limit", "admitted"), [("x-run-id", "of-a-run", 2), ("x-agent-id", "of-an-agent", 3)]
)
async def test_each_run_and_each_agent_has_a_counter_of_its_own(
    fresh: Site, header: str, limit: str, admitted: int
) -> None:
    for one in ("scout", "writer"):
        answers = [await ask(fresh, "other", headers={header: one}) for _ in range(admitted + 1)]
        assert [reply.status_code for reply in answers] == [*[200] * admitted, 429]
        assert limit in answers[-1].json()["error"]["message"]
    assert (await ask(fresh, "other")).status_code == 200, "who names neither is not limited by them"


async def test_a_prompt_has_a_counter_of_its_own(fresh: Site) -> None:
    answers = [await ask(fresh, "counted") for _ in range(3)]
    assert [reply.status_code for reply in answers] == [200, 200, 429]
    assert "of-a-prompt" in answers[-1].text
    assert (await ask(fresh, "other")).status_code == 200


async def test_more_than_a_request_may_hold_is_refused_before_anybody_is_asked(fresh: Site) -> None:
    variables = {"text": "x" * 10_000, "words": list(range(1_000))}
    reply = await fresh.client.post(CHAT, json={"prompt": {"id": "huge", "variables": variables}})
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == "prompt"
    assert "characters with these variables; shorten the longest of them" in reply.json()["error"]["message"]
    assert not fresh.upstream.requests


async def test_partials_in_circles_are_named_and_what_is_served_stays(fresh: Site) -> None:
    folder = fresh.gateway.folder / "policies" / "prompts"
    (folder / "_ring.prompt").write_text("{{> gnir}}")
    (folder / "_gnir.prompt").write_text("{{> ring}}")
    (folder / "looped").mkdir()
    (folder / "looped" / "draft.prompt").write_text("---\nmodel: test-model\n---\n{{> ring}}")
    told = await asyncio.to_thread(fresh.gateway.cli, "prompts", "check", check=False)
    assert told.returncode == 1
    assert "partials go in circles: ring → gnir → ring" in told.stdout + told.stderr
    await asyncio.sleep(1)
    assert (await ask(fresh, "other")).status_code == 200
    assert (await ask(fresh, "looped")).status_code == 404
