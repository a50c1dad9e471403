"""What an upstream's failure is taken for."""

import json

import pytest

from gateway.core.call import Reply
from gateway.core.faults import (
    Fault,
    Internal,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamFault,
    UpstreamRefused,
    UpstreamTimeout,
)
from gateway.dialects.refusals import refused
from gateway.router.document import Fallbacks, Trouble
from gateway.router.troubles import REMEDIES, repeatable, trouble_of_fault, trouble_of_reply
from tests.pipeline.test_obliging import call_of


def answer(status: int, /, **error: object) -> Reply:
    return Reply(status, [], json.dumps({"error": error}).encode())


REPLIES: list[tuple[Reply, Trouble | None]] = [
    (answer(200), None),
    (answer(400, code="invalid_value", message="temperature is too high"), None),
    (answer(429, code="rate_limit_exceeded"), "rate_limited"),
    (answer(429, code="insufficient_quota"), "credentials"),
    (answer(402, message="payment required"), "credentials"),
    (answer(529, type="overloaded_error"), "rate_limited"),
    (answer(500), "server_error"),
    (answer(503), "server_error"),
    (answer(504), "timeout"),
    (answer(408), "timeout"),
    (answer(400, code="context_length_exceeded", message="too long"), "context_too_long"),
    (answer(400, type="invalid_request_error", message="prompt is too long: 210000 tokens > 200000 maximum"), "context_too_long"),
    (answer(400, status="INVALID_ARGUMENT", message="The input token count (2000000) exceeds the maximum number of tokens allowed"), "context_too_long"),
    (answer(400, code="content_filter", message="The response was filtered"), "content_filter"),
    (answer(400, message="… triggering Azure OpenAI's content management policy"), "content_filter"),
    (answer(400, message="GLM-5 is not a multimodal model"), "not_expressible"),
    (answer(400, message="Invalid content type. image_url is only supported by certain models."), "not_expressible"),
    (answer(400, code="upstream_operation_unsupported"), "not_expressible"),
    (answer(404, code="model_not_found"), "not_served"),
    (answer(404, code="DeploymentNotFound"), "not_served"),
    (Reply(400, [], b'[{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}]'), None),
    (Reply(400, [], b"<html>"), None),
    (Reply(400, [], b'{"error": "plain words"}'), None),
    (Reply(400, [], b"[]"), None),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "trouble"), REPLIES)
def test_error_answers_are_told_apart(reply: Reply, trouble: Trouble | None) -> None:
    assert trouble_of_reply(reply) == trouble


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (UpstreamTimeout("x"), "timeout"),
        (UpstreamBroken("x"), "broken_answer"),
        (UpstreamBusy("x"), "busy"),
        (UpstreamFault("x", code="upstream_credentials_refused"), "credentials"),
        (UpstreamRefused("prompt is too long", status=400, blame="caller"), "context_too_long"),
        (UpstreamRefused("no such field", status=400, blame="caller"), None),
        (refused(500, "image input is not supported"), "not_expressible"),
        (refused(501, "no embeddings"), "not_expressible"),
        (refused(501, ""), "server_error"),
        (refused(401, "bad key"), "credentials"),
        (refused(400, "Your credit balance is too low"), "credentials"),
        (refused(500, "Failed to parse tools: what is that"), "not_expressible"),
        (Internal("a bug"), None),
    ],
)
def test_faults_are_told_apart_and_bugs_of_ours_are_nobody_elses(fault: Fault, trouble: Trouble | None) -> None:
    assert trouble_of_fault(fault) == trouble


def test_the_table_has_a_row_for_every_trouble() -> None:
    from typing import get_args

    assert set(REMEDIES) == set(get_args(Trouble)) == set(Fallbacks.__struct_fields__) - {"any"}


def test_what_changes_something_at_the_provider_is_not_asked_twice() -> None:
    assert repeatable(call_of("chat"))
    assert repeatable(call_of("responses", input="x"))
    assert not repeatable(call_of("responses", input="x", background=True))
    assert not repeatable(call_of("responses", input="x", conversation="c1"))
    assert not repeatable(call_of("images", prompt="x"))
