"""The same conversation, as one client recorded it with several providers: a chat completions request, translated, means
what was sent to another provider in its own words."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.core.conversation import ChatRequest, Text, ToolCall
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import fit
from gateway.dialects.protocols import CLIENTS, UPSTREAMS
from gateway.providers.families import family_of
from tests.dialects.recorded import CORPUS, PROTOCOLS, exchanges, name_of

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
Row = dict[str, Any]
MODELS = {"messages": "claude-sonnet-4-5", "responses": "gpt-4.1", "generate": "gemini-2.5-flash"}
# A tool's result is an image: chat completions has no word for it, and that client sent it as a user's.
ALONE = ["62d74bfa0bf207b4", "236cb45628ed533b"]
FAMILIES = {"messages": "anthropic", "responses": "openai", "generate": "gemini"}


def groups() -> Iterator[tuple[list[Row], list[Row]]]:
    """(chat completions requests, requests to others) of one logical test each."""
    found: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row in exchanges():
        if row.get("parallel") and (row["request"] or {}).get("json"):
            protocol = PROTOCOLS[row["api"]]
            if protocol in (*MODELS, "chat"):
                found[str(row["parallel"])][protocol != "chat"].append(row)
    return ((chats, others) for chats, others in found.values() if chats and others)


def translated(chat: Row, protocol: str) -> ChatRequest:
    """What the other provider would hear of a chat completions request."""
    upstream, family = UPSTREAMS[protocol], family_of(FAMILIES[protocol], MODELS[protocol])
    asked = chat["request"]["json"]
    request = CLIENTS["chat"].decode_request(asked, MODELS[protocol], chat["stream"])
    fitted, _ = fit(request, family.abilities(upstream.abilities))
    if upstream.adapt is not None:
        fitted, _ = upstream.adapt(fitted, family.quirks)
    return CLIENTS[protocol].decode_request(
        dict(upstream.encode_request(fitted, family.quirks)), MODELS[protocol], chat["stream"]
    )


def sent(row: Row) -> ChatRequest:
    protocol = PROTOCOLS[row["api"]]
    return CLIENTS[protocol].decode_request(row["request"]["json"], row["model"] or "m", row["stream"])


def turns(request: ChatRequest) -> list[tuple[str, str]]:
    """Who said what, one entry for turns in a row of one speaker. What models answered is each recording's own, and how
    a tool's result is wrapped the client's."""
    found: list[tuple[str, str]] = []
    for message in request.messages:
        role = "system" if message.role == "developer" else message.role
        said = "" if role in ("assistant", "tool") else "".join(map(words, message.parts))
        if found and found[-1][0] == role:
            said = found.pop()[1] + said
        found.append((role, said))
    return found


def words(part: object) -> str:
    return part.text if isinstance(part, Text) else type(part).__name__


def calls(request: ChatRequest) -> list[str]:
    return sorted(part.name for one in request.messages for part in one.parts if isinstance(part, ToolCall))


def tools(request: ChatRequest) -> dict[str, tuple[str, Any]]:
    return {tool.name: (tool.description, shape(tool.parameters or {})) for tool in request.tools}


def shape(schema: Any) -> Any:
    """A JSON schema as all providers mean it: types in one case, and no word of other properties or strictness or of null."""
    if isinstance(schema, list):
        return sorted(map(shape, schema), key=str)
    if not isinstance(schema, dict):
        return schema
    schema = without_null(schema)
    kept = {
        name: value
        for name, value in schema.items()
        if name not in ("additionalProperties", "$schema", "strict", "nullable")
    }
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else shape(value)
        for name, value in kept.items()
        if value not in ([], {})
    }


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    if alternatives := [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]:
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        schema = {**rest, **alternatives[0]} if len(alternatives) == 1 else {**rest, "anyOf": alternatives}
    if isinstance(kinds := schema.get("type"), list):
        schema = {**schema, "type": next(kind for kind in kinds if kind != "null")}
    return {**schema, "enum": [one for one in schema["enum"] if one is not None]} if "enum" in schema else schema


def alike(ours: ChatRequest, theirs: ChatRequest) -> bool:
    """Whether it is the same turn of the conversation, asked for in the same way."""
    said = [turns(one) for one in (ours, theirs)]
    # A client that has a tool called for structured output goes another way to the same end.
    formats = ours.format is None, theirs.format is None
    return (
        said[0] == said[1]
        and calls(ours) == calls(theirs)
        and ours.stream == theirs.stream
        and formats[0] == formats[1]
    )


def test_a_translated_request_means_what_another_client_sent() -> None:
    compared: Counter[str] = Counter()
    unlike: list[str] = []
    for chats, others in groups():
        for other in others:
            theirs, protocol = sent(other), PROTOCOLS[other["api"]]
            for chat in chats:
                try:
                    ours = translated(chat, protocol)
                except BadRequest:
                    continue  # what one provider of the dialect has made of it, and others have no word for
                if not alike(ours, theirs):
                    continue
                where = f"{name_of(chat)} as {name_of(other)}"
                assert tools(ours) == tools(theirs), where
                assert ours.tool_choice == theirs.tool_choice or None in (ours.tool_choice, theirs.tool_choice), where
                for name in ("temperature", "top_p", "stop"):
                    values = getattr(ours, name), getattr(theirs, name)
                    assert values[0] == values[1] or not all(values), (where, name)
                compared[protocol] += 1
                break
            else:
                unlike.append(other["id"])
    assert unlike == ALONE
    assert compared["generate"] >= 60
    assert compared["responses"] >= 50
    assert compared["messages"] >= 35
