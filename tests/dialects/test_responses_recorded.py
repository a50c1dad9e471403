"""What is told of responses twice in a recording, or asked in one. The rest is in test_recorded_answers.py."""

import json
from typing import Any

import msgspec
import pytest

from gateway.core.conversation import Image, Part, Thinking
from gateway.core.faults import BadRequest
from gateway.core.generation import gathered
from gateway.dialects.fitting import Quirks, fit
from gateway.dialects.responses.abilities import ABILITIES
from gateway.dialects.responses.answers import decode_answer, read_response
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.requests import decode_request, encode_request
from tests.dialects.recorded import CORPUS, body_of, events_of, exchanges, is_stream, name_of, succeeded

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
# What only OpenAI's own servers can do, and is refused by name.
REFUSED = {"tools[0].type", "input[1].type", "input[4].type", "background"}


def rows() -> list[dict[str, Any]]:
    return [row for row in exchanges() if row["api"] == "responses"]


def unsigned(part: Part) -> Part:
    """OpenAI encrypts a thought anew whenever it tells it, and writes out an image's detail where none was asked."""
    if isinstance(part, Image):
        return msgspec.structs.replace(part, detail=part.detail or "auto")
    if not isinstance(part, Thinking):
        return part
    return Thinking(text=part.text, signature="openai." if part.signature else "", redacted=part.redacted, id=part.id)


def test_a_stream_says_what_its_last_event_repeats() -> None:
    checked = 0
    for row in rows():
        if not (is_stream(row) and succeeded(row)):
            continue
        ends = [one["response"] for one in events_of(body_of(row)) if one["type"].endswith((".completed", ".incomplete"))
                and "response" in one]  # fmt: skip
        decoder = Decoder()
        streamed = gathered([*decoder.feed(body_of(row)), *decoder.end()])
        if not ends or not ends[-1].get("output"):
            continue
        once = read_response(ends[-1])
        assert list(map(unsigned, streamed.choices[0].parts)) == list(map(unsigned, once.choices[0].parts)), name_of(
            row
        )
        assert (streamed.choices[0].finish, streamed.usage) == (once.choices[0].finish, once.usage), name_of(row)
        checked += 1
    assert checked > 40


def test_searches_as_recorded() -> None:
    """Counted by hand from the items' actions, and where xAI says so itself."""
    counts: dict[str, int] = {}
    for row in rows():
        if succeeded(row) and b"web_search_call" in body_of(row):
            decoder = Decoder()
            answer = (
                gathered([*decoder.feed(body_of(row)), *decoder.end()])
                if is_stream(row)
                else decode_answer(body_of(row))
            )
            counts[row["id"]] = answer.usage.web_searches if answer.usage else 0
    assert (
        counts.items()
        >= {
            "21cada8a51396ccb": 1,  # search, open_page three times
            "b42472337a83cdf0": 7,  # seven searches, one page
            "145c02d84fcd4cea": 1,  # search, open_page, find_in_page
            "db6bebf20d78beca": 0,  # pages only
            "afdd2d375d41f9d5": 2,  # xAI's own count
        }.items()
    )


def test_every_recorded_request_is_read_or_refused_by_name() -> None:
    read = 0
    for row in rows():
        asked = (row["request"] or {}).get("json")
        if not isinstance(asked, dict):
            continue
        try:
            request = decode_request(asked, asked.get("model", "m"), bool(asked.get("stream")))
        except BadRequest as fault:
            assert fault.param in REFUSED, (name_of(row), fault.message)  # noqa: PT017  which ones, the set says
            continue
        body = json.loads(json.dumps(encode_request(fit(request, ABILITIES)[0], Quirks())))
        again = decode_request(body, request.model, request.stream)
        told = [(one.role, [unsigned(part) for part in one.parts if keeps(part)]) for one in request.messages]
        heard = [(one.role, [unsigned(part) for part in one.parts]) for one in again.messages]
        assert without_ids(heard) == without_ids([turn for turn in told if turn[1]]), name_of(row)
        assert again.tools == request.tools or any(tool.strict is None for tool in request.tools)
        assert (again.tool_choice, again.format, again.logprobs) == (
            request.tool_choice,
            request.format,
            request.logprobs,
        )
        read += 1
    assert read > 90


def keeps(part: Part) -> bool:
    """Thoughts without their encrypted content are refused by the upstream, and left out."""
    return not isinstance(part, Thinking) or bool(part.signature)


def without_ids(turns: list[Any]) -> list[Any]:
    roles = {"developer": "system"}
    return [
        (roles.get(role, role), [Thinking(text=p.text, redacted=p.redacted) if isinstance(p, Thinking) else p for p in parts])
        for role, parts in turns
    ]  # fmt: skip
