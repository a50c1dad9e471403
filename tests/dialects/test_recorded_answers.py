"""Every recorded answer, decoded, and told to the clients of every dialect.

Decoding gives what the recording says: text, tool calls, why it ended, usage; streamed and whole alike, wherever the
stream is cut. Encoded for a client, the official SDK of that dialect reads the same out of it.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.conversation import ChatRequest, Refusal, Text, ToolCall
from gateway.core.faults import Fault
from gateway.core.generation import Answer, Event, gathered, replayed
from gateway.dialects.fitting import Caption
from gateway.dialects.protocols import CLIENTS, UPSTREAMS
from tests.dialects.recorded import (
    CORPUS,
    PROTOCOLS,
    Said,
    arguments,
    body_of,
    exchanges,
    is_stream,
    name_of,
    succeeded,
    truth,
)
from tests.dialects.sdks import READERS

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
CAPTION = Caption(id="0123", created=1_700_000_000, model="asked-for")
REQUEST = ChatRequest(model="asked-for", messages=(), stream=True, stream_usage=True)
# Recorded streams that no reader can make one answer of; each with the reason.
ODD: dict[str, str] = {
    "anthropic messages ab068f9420ec7f19": "the upstream begins its answer again in the middle of a tool call",
    "anthropic messages 4e98d3417e7c108f": "several streams were recorded one after another as one body",
    "openai responses 3b682e890be3dc25": "whoever recorded it shortened the image: it is no base64 any more",
}


def rows() -> list[dict[str, Any]]:
    return [
        row for row in exchanges() if PROTOCOLS[row["api"]] in UPSTREAMS and succeeded(row) and name_of(row) not in ODD
    ]


def decoded(row: dict[str, Any]) -> Answer:
    upstream = UPSTREAMS[PROTOCOLS[row["api"]]]
    if not is_stream(row):
        return upstream.decode_answer(body_of(row))
    return gathered(streamed(row, [body_of(row)]))


def streamed(row: dict[str, Any], pieces: list[bytes]) -> list[Event]:
    decoder = UPSTREAMS[PROTOCOLS[row["api"]]].decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


def told(answer: Answer) -> Said:
    parts = answer.choices[0].parts if answer.choices else ()
    usage = answer.usage
    return Said(
        "".join(part.text for part in parts if isinstance(part, Text)),
        "".join(part.text for part in parts if isinstance(part, Refusal)),
        [(part.name, arguments(part.arguments)) for part in parts if isinstance(part, ToolCall)],
        answer.choices[0].finish.detail if answer.choices and answer.choices[0].finish else "",
        None if usage is None else (usage.total_input, usage.cached_input_tokens, usage.total_output),
    )


def wrong(check: Callable[[dict[str, Any]], str | None]) -> dict[str, str]:
    """What a check finds, by exchange."""
    found: dict[str, str] = {}
    for row in rows():
        try:
            said = check(row)
        except Fault as fault:
            said = f"{type(fault).__name__}: {fault.message}"
        if said:
            found[name_of(row)] = said
    return found


def test_decoding_gives_what_was_recorded() -> None:
    def check(row: dict[str, Any]) -> str | None:
        expected = truth(row)
        got = told(decoded(row))
        if got.finish != expected.finish and PROTOCOLS[row["api"]] == "responses":
            got.finish = expected.finish  # a status there, told apart by its own tests
        return None if got == expected else f"{got} is not {expected}"

    assert len(rows()) > 300
    assert wrong(check) == {}


def test_a_cut_anywhere_gives_the_same_events() -> None:
    die = random.Random(20261124)

    def check(row: dict[str, Any]) -> str | None:
        if not is_stream(row):
            return None
        body = body_of(row)
        once = streamed(row, [body])
        if len(body) < 1_500:
            cuts = [[body[:at], body[at:]] for at in range(1, len(body))]
        else:
            marks = [sorted(die.sample(range(1, len(body)), k)) for k in (1, 2, 5, 20)]
            cuts = [[body[a:b] for a, b in zip([0, *m], [*m, len(body)], strict=True)] for m in marks]
            cuts.append([body[at : at + 1] for at in range(len(body))])
        bad = [index for index, pieces in enumerate(cuts) if streamed(row, pieces) != once]
        return f"cuts {bad}" if bad else None

    assert wrong(check) == {}


def test_every_cut_of_some_streams() -> None:
    """Each byte border of the shortest stream of every recorded API."""
    shortest: dict[str, dict[str, Any]] = {}
    for row in rows():
        if is_stream(row) and len(body_of(row)) < len(body_of(shortest.get(row["api"], row))) + 1:
            shortest[row["api"]] = row
    for row in shortest.values():
        body = body_of(row)[:6_000]
        decoder = UPSTREAMS[PROTOCOLS[row["api"]]].decoder
        once = decoder().feed(body)
        for at in range(1, len(body)):
            cut = decoder()
            assert [*cut.feed(body[:at]), *cut.feed(body[at:])] == once, (name_of(row), at)


@pytest.mark.parametrize("client", sorted(CLIENTS))
@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_the_sdk_of_every_dialect_reads_the_same(client: str, how: str) -> None:
    protocol, read = CLIENTS[client], READERS[client]

    def check(row: dict[str, Any]) -> str | None:
        answer = decoded(row)
        if how == "whole":
            got = read.whole(protocol.encode_answer(answer, CAPTION, {}))
        else:
            encoder = protocol.encoder(CAPTION, REQUEST, {})
            got = read.streamed(b"".join(encoder.encode(event) for event in replayed(answer)))
        expected = told(answer)
        problems = [
            f"{name}: {getattr(got, name)!r} is not {getattr(expected, name)!r}"
            for name in ("text", "calls", "used")
            if getattr(got, name) != getattr(expected, name)
            and not (name == "text" and got.text == expected.text + expected.refusal)
            and not (name == "used" and expected.used is None)
        ]
        return "; ".join(problems) or None

    assert wrong(check) == {}


def test_errors_are_read_for_what_they_are() -> None:
    for row in exchanges():
        status = row["response"]["status"] or 200
        if status < 400 or PROTOCOLS[row["api"]] not in UPSTREAMS:
            continue
        headers = {name.lower(): str(value) for name, value in (row["response"].get("headers") or {}).items()}
        fault = UPSTREAMS[PROTOCOLS[row["api"]]].decode_error(status, headers, body_of(row))
        assert fault.details["upstream_status"] == status
        assert (fault.blame == "caller") == (status in (400, 404, 413, 422)), name_of(row)
        assert "without saying why" not in fault.message, name_of(row)


def test_an_error_in_the_stream_is_told_as_one() -> None:
    found = [row for row in exchanges() if "error_in_stream" in row["features"] and PROTOCOLS[row["api"]] in UPSTREAMS]
    assert found
    for row in found:
        decoder = UPSTREAMS[PROTOCOLS[row["api"]]].decoder()
        events = decoder.feed(body_of(row))
        assert type(events[-1]).__name__ == "Failed", name_of(row)
        assert json.loads(CLIENT_ERROR(events[-1].fault))["error"]["message"]


def CLIENT_ERROR(fault: Fault) -> bytes:  # noqa: N802  reads as a constant above
    from gateway.dialects.openai.errors import error_body

    return error_body(fault, "id")
