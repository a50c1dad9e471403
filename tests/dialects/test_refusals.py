"""Whose fault an upstream's error answer is, whatever status it chose."""

import pytest

from gateway.core.faults import UpstreamRefused
from gateway.dialects.openai.errors import error_headers
from gateway.dialects.refusals import of_the_request, refused
from gateway.router.troubles import trouble_of_fault


@pytest.mark.parametrize(
    ("status", "message", "told", "code", "blame"),
    [
        # llama.cpp's server, as it answered.
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 400, "upstream_input_unsupported", "caller"),
        (500, "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 400, "upstream_input_unsupported", "caller"),
        (500, "video input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 400, "upstream_input_unsupported", "caller"),
        (500, 'Failed to parse tools: Unsupported tool type: {"type":"zzz"}', 400, "upstream_bad_request", "caller"),
        (500, 'Failed to parse messages: Missing tool call type: {"a":1}', 400, "upstream_bad_request", "caller"),
        (501, "This server does not support embeddings. Start it with `--embeddings`", 400, "upstream_operation_unsupported", "caller"),
        # A proxy in between, which knows no words of ours: it is broken, whatever it is asked for.
        (501, "", 502, "upstream_error", "upstream"),
        # Our own account, as a 400.
        (400, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing", 502, "upstream_credentials_refused", "upstream"),
        (400, "API key not valid. Please pass a valid API key.", 502, "upstream_credentials_refused", "upstream"),
        (400, "API Key not found. Please pass a valid API key.", 502, "upstream_credentials_refused", "upstream"),
        (400, "Incorrect API key provided: sk***YA. You can obtain an API key from https://console.x.ai.", 502, "upstream_credentials_refused", "upstream"),
        (400, "messages: Incorrect API key provided", 400, "upstream_bad_request", "caller"),
        (400, "request (9031 tokens) exceeds the available context size (2048 tokens), try increasing it", 400, "context_length_exceeded", "caller"),
        (400, "the request exceeds the available context size, try increasing it", 400, "context_length_exceeded", "caller"),
        (500, "the request exceeds the available context size. try increasing the context size or enable context shift", 400, "context_length_exceeded", "caller"),
        # Failures are told as before.
        (500, "the image input is not supported just now", 500, "upstream_error", "upstream"),
        (503, "Loading model", 503, "upstream_overloaded", "upstream"),
        (400, "image input is not supported", 400, "upstream_bad_request", "caller"),
        (418, "no", 400, "upstream_bad_request", "caller"),
        (599, "no", 502, "upstream_error", "upstream"),
    ],
)  # fmt: skip
def test_what_will_never_be_served_is_no_failure(status: int, message: str, told: int, code: str, blame: str) -> None:
    fault = refused(status, message)
    assert isinstance(fault, UpstreamRefused)
    assert (fault.status, fault.code, fault.blame, fault.details["upstream_status"]) == (told, code, blame, status)


def test_a_request_that_is_too_long_is_told_in_words_that_callers_can_follow() -> None:
    fault = refused(400, "request (9031 tokens) exceeds the available context size (2048 tokens), try increasing it")
    assert fault.message == "the request has 9031 tokens, and the model takes 2048; shorten it"
    assert (fault.details["request_tokens"], fault.details["context_tokens"]) == (9031, 2048)
    assert trouble_of_fault(fault) == "context_too_long"
    unnumbered = refused(400, "the request exceeds the available context size, try increasing it")
    assert unnumbered.message == "the request has more tokens than the model takes; shorten it"
    theirs = "This model's maximum context length is 8192 tokens. Please reduce the length of the messages."
    assert refused(400, theirs).message == theirs


def test_only_some_4xx_speak_of_the_request() -> None:
    spoken = {status for status in range(200, 600) if of_the_request(status)}
    assert {400, 411, 413, 414, 415, 422, 431} <= spoken
    assert not spoken & {401, 402, 403, 404, 405, 407, 408, 409, 424, 425, 429, *range(200, 400), *range(500, 600)}


def test_what_is_said_of_our_key_is_not_passed_on() -> None:
    assert "sk***YA" not in refused(400, "Incorrect API key provided: sk***YA.").message


def test_whether_to_try_again_is_said_once() -> None:
    fault = refused(500, "image input is not supported", headers={"x-should-retry": "true"})
    assert [value for name, value in error_headers(fault) if name == "x-should-retry"] == ["false"]
