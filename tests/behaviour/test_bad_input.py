"""Whatever a client sends: a clear error in OpenAI's shape or a closed connection; never a traceback, never a hang."""

import asyncio
import contextlib
import json
import socket
import time

import httpx
import pytest

from gateway.testing import json_answer
from tests.conftest import Gateway, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "JSON"),
        (b"[1]", "JSON object"),
        (b'"x"', "JSON object"),
        (b"null", "JSON object"),
        (b'{"messages": []}', "`model`"),
        (b'{"model": 7}', "`model` must be"),
        (b'{"model": ""}', "`model` must be"),
        (b'{"model": "%s"}' % (b"m" * 300), "256"),
        (b'{"model": "test-model", "stream": "yes"}', "`stream`"),
        (b'{"model": "test-model", "stream": true, "stream_options": 3}', "`stream_options`"),
        (b'{"model": "test-model", "x": "\x00"}', "JSON"),
        (b'{"model": "test-model", "x": "\xff\xfe"}', "UTF-8"),
        (b'{"model": "test-model", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'{"model": "test-model",}', "JSON"),
        (b'{"model": "test-model"} trailing', "JSON"),
    ],
    ids=range(16),
)
async def test_a_body_that_cannot_be_read(fresh: Site, body: bytes, says: str) -> None:
    answer = await fresh.client.post("/chat/completions", content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert says in error["message"]
    assert error["gateway"]["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-should-retry"] == "false"
    record = await fresh.last_record()
    assert (record["outcome"], record["status"], record["cost_nano"]) == ("refused", 400, None)


async def test_a_form_where_json_is_expected(fresh: Site) -> None:
    answer = await fresh.client.post("/chat/completions", data={"model": "test-model"}, files={"f": b"x"})
    assert (answer.status_code, "application/json" in answer.json()["error"]["message"]) == (400, True)


async def test_json_where_a_form_is_expected(fresh: Site) -> None:
    answer = await fresh.client.post("/audio/transcriptions", json={"model": "test-model"})
    assert (answer.status_code, "multipart/form-data" in answer.json()["error"]["message"]) == (400, True)


async def test_a_compressed_body_is_refused_not_misread(fresh: Site) -> None:
    answer = await fresh.client.post("/chat/completions", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert (answer.status_code, "content-encoding" in answer.json()["error"]["message"]) == (400, True)


async def test_an_unknown_model(fresh: Site) -> None:
    answer = await fresh.chat(model="no-such-model")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_misspelt_model_is_told_the_name_that_was_meant(fresh: Site) -> None:
    said = (await fresh.chat(model="openai/Test_Modle")).json()["error"]["message"]
    assert said == (
        "the model `openai/Test_Modle` does not exist; did you mean `test-model`? "
        "GET /v1/models lists those you may use"
    )
    shown = (await fresh.client.get("/models/tst-model")).json()["error"]["message"]
    assert shown.endswith("; did you mean `test-model`?")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "; it is /v1/chat/completions: the base URL should end in /v1, once"),
        ("/messages", "; it is /v1/messages: the base URL should end in /v1, once"),
        ("/models", "; it is /v1/models: the base URL should end in /v1, once"),
        ("/v1/v1/chat/completions", "; it is /v1/chat/completions: the base URL should end in /v1, once"),
        ("/v1/v1/models", "; it is /v1/models: the base URL should end in /v1, once"),
        ("/v1/v1/messages", "; it is /v1/messages: the base URL should end without /v1"),
        ("/v1/v1/messages/count_tokens", "; it is /v1/messages/count_tokens: the base URL should end without /v1"),
        ("/chat", " here"),
        ("/v1/chat", " here"),
    ],
)
async def test_a_base_url_of_another_client_is_told_apart_from_nothing(fresh: Site, path: str, hint: str) -> None:
    answer = await fresh.client.post(f"{fresh.gateway.url}{path}", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
    assert answer.json()["error"]["message"].endswith(hint)


async def test_a_list_of_models_is_looked_for_where_its_client_would(fresh: Site) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    answer = await fresh.client.get(f"{fresh.gateway.url}/v1/v1/models", headers=headers)
    assert answer.json()["error"]["message"].endswith("; it is /v1/models: the base URL should end without /v1")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", "/v1/chat/completions"),
        ("/", "/health/ready"),
        ("/v1/", "GET /v1/models"),
        ("/health", "/health/ready"),
        ("/health/", "/health/live"),
        ("/healthz", "/health/ready"),
        ("/docs", "/admin/openapi.json"),
    ],
)
async def test_what_is_tried_first_is_told_where_things_are(fresh: Site, path: str, told: str) -> None:
    answer = await fresh.client.get(f"{fresh.gateway.url}{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
    assert told in answer.json()["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer gw-no"}, {"authorization": "Basic eDp5"}])
async def test_who_is_not_known_hears_the_same_wherever_he_comes_in(fresh: Site, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=fresh.gateway.base_url, headers=headers, timeout=20) as client:
        posted = await client.post("/chat/completions", json={"model": "test-model", "messages": []})
        asked = [await client.get(path) for path in ("/models", "/models/test-model", "/nothing")]
    message = posted.json()["error"]["message"]
    assert ("not valid here" in message) is (headers.get("authorization") == "Bearer gw-no")
    for answer in asked:
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, message)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_wrong_method(fresh: Site, method: str) -> None:
    answer = await fresh.client.request(method, "/chat/completions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/chat/completions/", "/../admin/keys", "/chat%2Fcompletions", "/models/../../admin/keys", "/%00"],
)
async def test_an_unknown_path(fresh: Site, path: str) -> None:
    answer = await fresh.client.post(path, json={})
    assert answer.status_code in (400, 401, 404, 405)
    assert "error" in answer.json() or answer.json()["code"] == "invalid_credential"


async def test_a_body_over_the_limit_is_refused_before_it_is_read(fresh: Site) -> None:
    started = time.monotonic()
    status, body = await raw(fresh.gateway, head(fresh, {"content-length": str(10**12)}))
    assert status == 413
    assert json.loads(body)["error"]["code"] == "request_too_large"
    assert time.monotonic() - started < 8, "there is no end to wait for"


async def test_two_content_lengths_are_refused(fresh: Site) -> None:
    request = head(fresh, {"content-length": "2"}, b"content-length: 3\r\n") + b"{}x"
    assert (await raw(fresh.gateway, request))[0] == 400


async def test_a_header_bomb_is_refused(fresh: Site) -> None:
    many = b"".join(b"x-%d: y\r\n" % number for number in range(2000))
    assert (await raw(fresh.gateway, head(fresh, {"content-length": "2"}, many) + b"{}"))[0] == 431
    long = b"x-long: " + b"y" * 200_000 + b"\r\n"
    assert (await raw(fresh.gateway, head(fresh, {"content-length": "2"}, long) + b"{}"))[0] in (400, 431)


async def test_garbage_instead_of_http_closes_the_connection(fresh: Site) -> None:
    status, _ = await raw(fresh.gateway, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http at all\r\n\r\n")
    assert status in (0, 400)


async def test_the_gateway_goes_on_after_all_that(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    assert (await fresh.chat()).status_code == 200
    assert "Traceback" not in fresh.gateway.log()


def head(site: Site, headers: dict[str, str], extra: bytes = b"") -> bytes:
    lines = {
        "host": "gateway",
        "authorization": f"Bearer {site.gateway.key}",
        "content-type": "application/json",
        **headers,
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {CHAT} HTTP/1.1\r\n{text}".encode() + extra + b"\r\n"


async def raw(gateway: Gateway, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; the status (0: closed without an answer) and the body."""

    def exchange() -> tuple[int, bytes]:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            answer = b""
            # Who answers before all was sent, and closes, has said why all the same.
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(request)
            try:
                while piece := connection.recv(65536):
                    answer += piece
                    header, _, body = answer.partition(b"\r\n\r\n")
                    length = [line for line in header.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                    if length and len(body) >= int(length[0].split(b":")[1]):
                        break
            except (ConnectionError, TimeoutError):
                pass
            header, _, body = answer.partition(b"\r\n\r\n")
            return (int(header.split(b" ")[1]) if header else 0), body

    return await asyncio.to_thread(exchange)
