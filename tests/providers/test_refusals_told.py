"""What an upstream will never serve is told as a 400 that names the model, in whatever dialect it is asked."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import BadRequest, UpstreamFault, UpstreamRefused
from gateway.core.principal import Principal
from gateway.core.target import Target
from gateway.providers.building import build_provider
from gateway.providers.options import ProviderOptions
from gateway.router.troubles import trouble_of_fault
from gateway.testing import ScriptedUpstream, body_answer, json_answer
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions
from tests.pipeline.test_obliging import call_of

HINT = "image input is not supported - hint: you may need to provide the mmproj"
TURNS = [{"role": "user", "content": "x"}]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream({}) as made:
        yield made


async def sent(upstream: ScriptedUpstream, kind: str, operation: str, **fields: Any) -> int:
    """The status that a call by the name `alias` is answered with."""
    async with HttpClient(ClientOptions()) as client:
        options = ProviderOptions(kind=kind, base_url=upstream.base_url, api_key="K")
        provider = build_provider("mock", options, client, SystemClock().monotonic, 1, None)
        call = call_of(operation, **fields)
        call.model, call.target = "alias", Target("mock", "real")
        call.caller = Principal(key_id="key_1", tenant="acme", team="a")
        try:
            return (await provider(call)).status
        finally:
            call.close()


def says(upstream: ScriptedUpstream, path: str, status: int, message: str) -> None:
    upstream.set(path, json_answer({"error": {"code": status, "message": message, "type": "server_error"}}, status))


@pytest.mark.parametrize("kind", ["llamacpp", "openai-compatible", "vllm"])
@pytest.mark.parametrize("operation", ["chat", "messages"])
async def test_the_caller_is_told_which_model_does_not_read_it(
    upstream: ScriptedUpstream, kind: str, operation: str
) -> None:
    says(upstream, "/v1/chat/completions", 500, HINT)
    with pytest.raises(UpstreamRefused, match="the model `alias` does not read all that the request holds") as caught:
        await sent(upstream, kind, operation, messages=TURNS, max_tokens=5)
    fault = caught.value
    assert HINT in fault.message
    assert (fault.status, fault.code, fault.blame, fault.param) == (
        400,
        "upstream_input_unsupported",
        "caller",
        "model",
    )


async def test_a_501_says_what_the_upstream_does_not_have(upstream: ScriptedUpstream) -> None:
    says(upstream, "/v1/embeddings", 501, "This server does not support embeddings. Start it with `--embeddings`")
    with pytest.raises(UpstreamRefused, match="`alias` is served by an upstream that has no `embeddings`") as caught:
        await sent(upstream, "llamacpp", "embeddings", input="x")
    assert (caught.value.status, caught.value.details["upstream_status"]) == (400, 501)


@pytest.mark.parametrize(("status", "message"), [(500, "out of memory"), (503, "Loading model")])
async def test_a_failure_passes_as_it_came(upstream: ScriptedUpstream, status: int, message: str) -> None:
    says(upstream, "/v1/chat/completions", status, message)
    assert await sent(upstream, "llamacpp", "chat", messages=TURNS) == status


async def test_a_proxy_that_does_not_know_the_method_is_a_failure(upstream: ScriptedUpstream) -> None:
    upstream.set("/v1/chat/completions", body_answer(b"<h1>501 Not Implemented</h1>", "text/html", 501))
    assert await sent(upstream, "openai-compatible", "chat", messages=TURNS) == 501


KEY_WORDS = "Incorrect API key provided: sk***YA. You can obtain an API key from https://console.x.ai."
CREDIT_WORDS = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."


@pytest.mark.parametrize(
    ("kind", "operation", "path", "body"),
    [
        ("openai-compatible", "chat", "/v1/chat/completions", {"code": "an invalid argument", "error": KEY_WORDS}),
        ("openai-compatible", "messages", "/v1/chat/completions", {"code": "an invalid argument", "error": KEY_WORDS}),
        ("anthropic", "messages", "/v1/messages", {"type": "error", "error": {"type": "invalid_request_error", "message": CREDIT_WORDS}}),
        ("gemini", "generate", "/v1/models/real:generateContent", {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid."}}),
    ],
)  # fmt: skip
async def test_our_account_is_never_the_callers_to_mend_though_it_is_told_as_a_400(
    upstream: ScriptedUpstream, kind: str, operation: str, path: str, body: dict[str, Any]
) -> None:
    upstream.set(path, json_answer(body, 400))
    fields = {"contents": [{"parts": [{"text": "x"}]}]} if operation == "generate" else {"messages": TURNS}
    with pytest.raises(UpstreamFault) as caught:
        await sent(upstream, kind, operation, max_tokens=5, **fields)
    fault = caught.value
    assert (fault.status, fault.code, fault.blame) == (502, "upstream_credentials_refused", "upstream")
    assert not any(words in fault.message for words in ("sk***YA", "credit", "not valid"))
    assert trouble_of_fault(fault) == "credentials"


async def test_nobody_is_asked_for_nothing_where_the_engine_would_not_mind(upstream: ScriptedUpstream) -> None:
    with pytest.raises(BadRequest, match="`messages` must hold at least one message"):
        await sent(upstream, "llamacpp", "chat", messages=[])
    assert upstream.requests == []


@pytest.mark.parametrize(("kind", "messages"), [("openai-compatible", []), ("llamacpp", None), ("llamacpp", "x")])
async def test_all_else_the_upstream_judges(upstream: ScriptedUpstream, kind: str, messages: object) -> None:
    says(upstream, "/v1/chat/completions", 400, "[] is too short - 'messages'")
    assert await sent(upstream, kind, "chat", messages=messages) == 400
    assert len(upstream.requests) == 1
