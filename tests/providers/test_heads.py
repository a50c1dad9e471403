"""A head of which most was written before is the head that is written line by line."""

import pytest

from gateway.core.call import Call, TraceContext
from gateway.core.faults import UpstreamBroken
from gateway.core.fields import NoFields
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.edge.operations import OPERATIONS
from gateway.providers.heads import MAX_REMEMBERED, Endpoint, Heads
from gateway.providers.options import ProviderOptions
from gateway.providers.profiles import PROFILES, Path
from gateway.transport.client import head_of, opening_of

PATH = Path(path="chat/completions")
NAMED = Path(path="models/{model}:generate", stream="models/{model}:stream")
CHAT = next(one for one in OPERATIONS if one.name == "chat")
SPEECH = next(one for one in OPERATIONS if one.name == "speech")


def heads(kind: str, *, signed: bool, api_key: str = "K", **options: str) -> Heads:
    made = ProviderOptions(kind=kind, **options)  # type: ignore[arg-type]
    return Heads(PROFILES[kind], made, Endpoint("https://up.example/v1/", api_key), lambda: 2.0, signed=signed)


async def _opened() -> None:
    return


def call(headers: dict[bytes, bytes], *, stream: bool = False, deadline: float | None = None) -> Call:
    record = Record(id="0-1", started_ns=0, tenant="acme", team="a", key_id="key_1", operation="chat")
    made = Call(operation=CHAT, headers=headers, record=record, open=_opened, fields=NoFields(), arrived=0.0)
    made.caller = Principal(key_id="key_1", tenant="acme", team="a")
    made.stream, made.deadline = stream, deadline
    made.trace = TraceContext("a" * 32, "b" * 16, state="x=1")
    return made


def written(made: Heads, one: Call, path: Path, kind: str) -> bytes:
    url, opening, headers = made.of(one, path, "m:1", kind)
    return head_of(opening or opening_of("POST", url), headers, 7)


@pytest.mark.parametrize("path", [PATH, NAMED], ids=["plain", "named in it"])
@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic", "gemini", "azure"])
@pytest.mark.parametrize("brought", [{}, {b"idempotency-key": b"1", b"cookie": b"c"}], ids=["none", "one that passes"])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_what_was_written_before_is_what_would_be_written_now(
    content_type: str, brought: dict[bytes, bytes], kind: str, path: Path
) -> None:
    usual, signed = heads(kind, signed=False), heads(kind, signed=True)
    for stream, deadline in ((False, None), (True, 2.5), (False, 1.0), (True, None)):
        one = call(brought, stream=stream, deadline=deadline)
        for _ in range(2):
            assert written(usual, one, path, content_type) == written(signed, one, path, content_type)
        assert signed.of(one, path, "m:1", content_type)[1] == "", "who signs sees all headers by name"


def test_a_head_line_by_line() -> None:
    one = call({b"accept-language": b"de", b"authorization": b"theirs"}, deadline=2.5)
    one.operation = SPEECH
    made = heads("azure", signed=False, api_version="2024-10-21")
    assert made.by_deployment
    lines = written(made, one, PATH, "application/json").decode().split("\r\n")
    assert lines[0] == "POST /v1/openai/deployments/m%3A1/chat/completions?api-version=2024-10-21 HTTP/1.1"
    assert [line for line in lines[1:] if not line.startswith("user-agent")] == [
        *("host: up.example", "accept-encoding: identity", "api-key: K", "accept-language: de"),
        *("content-type: application/json", "accept: */*", "x-request-timeout: 0.500"),
        *(f"traceparent: 00-{'a' * 32}-{'b' * 16}-00", "tracestate: x=1", "content-length: 7", "", ""),
    ]


def test_a_credential_with_a_line_break_is_refused_each_time() -> None:
    made = heads("openai-compatible", signed=False, api_key="K\r\nx-evil: 1")
    for _ in range(2):
        with pytest.raises(UpstreamBroken, match="`authorization` holds a line break"):
            made.of(call({}), PATH, "m", "application/json")


def test_what_is_remembered_is_bounded() -> None:
    made = heads("gemini", signed=False)
    for number in range(MAX_REMEMBERED + 10):
        url, opening, _ = made.of(call({}), NAMED, f"m{number}", "application/json")
        assert f"/m{number}:" in url.target
        assert f"/m{number}:" in opening
    assert len(made._urls) == len(made._openings) == MAX_REMEMBERED  # pyright: ignore[reportPrivateUsage]
