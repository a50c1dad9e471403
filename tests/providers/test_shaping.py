"""Bodies that go to a provider whose protocol the client speaks: only what is otherwise there differs."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.core.call import Call, Operation
from gateway.core.record import Record
from gateway.dialects.openai.body import read_json
from gateway.providers.profiles import PROFILES
from gateway.providers.shaping import passed_body
from tests.dialects.bedrock_corpus import CORPUS, exchanges

MESSAGES = Operation(name="messages", path="messages", otel_name="chat", streams=True, dialect="anthropic")
CLIENT = b'{"model":"claude","stream":true,"max_tokens":5,"temperature":0.10,"messages":[ {"role":"user"} ]}'

recorded = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")


async def unopened() -> None:
    raise AssertionError("the body is open already")


def passed(kind: str, body: bytes, headers: Mapping[bytes, bytes] = {}) -> bytes:
    call = Call(
        operation=MESSAGES,
        headers=headers,
        record=Record(id="r", started_ns=0, tenant="acme", team="web", key_id="k", operation="messages"),
        open=unopened,
        fields=read_json(body),
        arrived=0.0,
    )
    return passed_body(call, PROFILES[kind].protocols["messages"], {})


def test_what_is_not_named_keeps_its_bytes() -> None:
    assert passed("anthropic", CLIENT) == CLIENT
    assert passed("bedrock", CLIENT, {b"anthropic-beta": b"a-1, b-2,a-1"}) == (
        b'{"max_tokens":5,"temperature":0.10,"messages":[ {"role":"user"} ],'
        b'"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-1","b-2"]}'
    )
    assert passed("vertex-anthropic", CLIENT) == (
        b'{"stream":true,"max_tokens":5,"temperature":0.10,"messages":[ {"role":"user"} ],'
        b'"anthropic_version":"vertex-2023-10-16"}'
    )


@pytest.mark.parametrize("header", [b"", b" , ,"])
def test_no_betas_are_no_field(header: bytes) -> None:
    assert b"anthropic_beta" not in passed("bedrock", CLIENT, {b"anthropic-beta": header})


@recorded
@pytest.mark.parametrize("row", exchanges("invoke", "invoke-stream"), ids=lambda row: row["id"])
def test_a_messages_body_becomes_the_recorded_invoke_body(row: dict[str, Any]) -> None:
    sent = row["request"].get("json") or {}
    if sent.get("anthropic_version") != "bedrock-2023-05-31":
        pytest.skip("not a body of Anthropic's Messages")
    betas = ", ".join(sent.get("anthropic_beta") or [])
    client = {k: v for k, v in sent.items() if not k.startswith("anthropic_")} | {"model": "claude", "stream": True}
    body = passed("bedrock", json.dumps(client).encode(), {b"anthropic-beta": betas.encode()})
    assert json.loads(body) == sent


@recorded
@pytest.mark.parametrize("row", exchanges("vertex_rawPredict", "vertex_streamRawPredict"), ids=lambda row: row["id"])
def test_a_messages_body_becomes_the_recorded_raw_predict_body(row: dict[str, Any]) -> None:
    sent = row["request"]["json"]
    client = {k: v for k, v in sent.items() if k != "anthropic_version"} | {"model": "claude"}
    assert json.loads(passed("vertex-anthropic", json.dumps(client).encode())) == sent
