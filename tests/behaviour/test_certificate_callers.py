"""A real gateway behind a proxy that has verified its clients' certificates."""

import asyncio

import httpx

from gateway.testing import ScriptedUpstream, json_answer
from tests.behaviour.test_token_callers import ANSWER, MESSAGES
from tests.conftest import GatewayFactory

SUBJECT = "CN=billing,O=Example"


def identity(proxy: str) -> dict[str, object]:
    subjects = [{"subject": SUBJECT, "tenant": "acme", "team": "team-a", "labels": {"env": "prod"}}]
    return {"client_certificates": {"header": "X-Subject", "trusted_proxies": [proxy], "subjects": subjects}}


async def test_a_certificates_subject_is_believed_from_a_proxy_and_never_sent_on(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({"/v1/chat/completions": [json_answer(ANSWER)]}) as upstream:
        near, far = (make_gateway(upstream.base_url, identity=identity(proxy)) for proxy in ("127.0.0.1", "10.0.0.0/8"))
        await asyncio.gather(asyncio.to_thread(near.start), asyncio.to_thread(far.start))
        statuses: list[int] = []
        async with httpx.AsyncClient(timeout=20) as client:
            for url, headers in (
                (near.base_url, {"x-subject": SUBJECT}),
                (near.base_url, {"x-subject": "CN=other"}),
                (near.base_url, {"x-subject": SUBJECT, "authorization": "Bearer gw-wrong"}),
                (near.base_url, {"x-subject": SUBJECT, "authorization": f"Bearer {near.key}"}),
                (near.base_url, {}),
                (far.base_url, {"x-subject": SUBJECT}),
            ):
                body = {"model": "test-model", "messages": MESSAGES}
                answer = await client.post(f"{url}/chat/completions", headers=headers, json=body)
                statuses.append(answer.status_code)
            models = await client.get(f"{near.base_url}/models", headers={"x-subject": SUBJECT})
        assert statuses == [200, 401, 401, 200, 401, 401]
        assert models.status_code == 200
        first, second = await asyncio.to_thread(near.records, 2)
        assert (first["team"], first["key_id"][:5], second["key_id"][:4]) == ("team-a", "cert_", "key_")
        assert len(upstream.requests) == 2
        for asked in upstream.requests:
            assert SUBJECT not in str(asked.headers)
