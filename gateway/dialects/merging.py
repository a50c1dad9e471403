"""Two requests as one: a prompt's, in the words of `core/`, and the caller's own, in a client's protocol.

The caller's messages stand where the prompt has its history, with every field they came with. What the prompt says of
the answer (temperature, tools, …) the caller may say otherwise only where the prompt's owner lists it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.conversation import ChatRequest, Message, Text
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import Quirks
from gateway.dialects.owned import Owned, fitted
from gateway.dialects.protocols import UPSTREAMS
from gateway.dialects.spellings import OBJECTS, SAME_UNDER_ANY_NAME, Asked, Get, alike, fields_of, places

# Protocols in which a prompt can be used, and the field with the conversation.
CONVERSATIONS: Mapping[str, str] = {
    "chat": "messages",
    "responses": "input",
    "messages": "messages",
    "generate": "contents",
    "generate-array": "contents",
}
# Fields besides it that hold instructions of their own.
_INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "responses": ("instructions",),
    "messages": ("system",),
    "generate": ("systemInstruction", "system_instruction"),
    "generate-array": ("systemInstruction", "system_instruction"),
}
# Fields that bring instructions from elsewhere: what Google keeps, and a template of the engine's own.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "chat": ("chat_template",),
    "generate": ("cachedContent", "cached_content"),
    "generate-array": ("cachedContent", "cached_content"),
}
# The bound of an answer, where a request is none without it: no client can leave it out.
_DEMANDED: Mapping[str, str] = {"messages": "max_tokens"}
SYSTEM_ROLES = ("system", "developer")
# What encoders write for an upstream's sake, and no prompt says.
_NOT_SAID = ("model", "stream", "stream_options", "store", "include")
# Wire names → the word under which a prompt lists what callers may say otherwise.
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("max_completion_tokens", "max_tokens", "maxOutputTokens"), "max_output_tokens"),
    **dict.fromkeys(("stop_sequences", "stopSequences"), "stop"),
    **dict.fromkeys(("response_format", "responseMimeType", "responseJsonSchema"), "format"),
    **dict.fromkeys(("reasoning_effort", "effort", "summary", "thinking", "thinkingConfig"), "reasoning"),
    "toolConfig": "tool_choice",
    "topP": "top_p",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
# What a prompt's owner may list, besides `*`.
OVERRIDABLE = (
    *("model", "system", "temperature", "top_p", "top_k", "max_output_tokens", "stop", "seed", "frequency_penalty"),
    *("presence_penalty", "tools", "tool_choice", "parallel_tool_calls", "format", "reasoning", "verbosity"),
)


def merged(protocol: str, owned: Owned, get: Get) -> dict[str, object]:
    """The fields that change when the prompt is put into the request whose fields `get` gives; None leaves one out.

    Raises:
        BadRequest: the request says what the prompt's owner keeps to himself, or its conversation is none; or the
            prompt needs what the protocol has no place for.
    """
    owned, _ = fitted(protocol, owned)
    _refuse_instructions(protocol, owned, get)
    said = _said(protocol, owned.request)
    field = CONVERSATIONS[protocol]
    own = _conversation(protocol, field, get)
    before = cast(list[Any], said.pop(field))
    after = _said(protocol, msgspec.structs.replace(_BARE, model=owned.request.model, messages=owned.after))
    changes: dict[str, object] = {field: [*before, *own, *cast(list[Any], after[field])]}
    _add_instructions(protocol, said, after, get, changes)
    asked = Asked(protocol, _bounded(protocol, said, owned, get))
    theirs = _said_otherwise(protocol, said, owned, asked, changes)
    for name, value in said.items():
        _set(protocol, name, value, theirs, asked, changes)
    return changes


def said_anew(protocol: str, owned: Owned) -> tuple[int, tuple[int, ...]]:
    """What of a conversation by id the prompt says anew in each call, and so is no part of it: the items that it begins
    `input` with, as a number, and the instructions that it ends it with, by their places from the end."""
    if protocol != "responses":
        return 0, ()
    before, after = (
        cast(list[Mapping[str, Any]], _said(protocol, msgspec.structs.replace(_BARE, messages=messages))["input"])
        for messages in (owned.request.messages, owned.after)
    )
    reminders = (place - len(after) for place, one in enumerate(after) if one.get("role") in SYSTEM_ROLES)
    return len(before), tuple(reminders)


_BARE = ChatRequest(model="", messages=())
_SOMEBODY = Message(role="user", parts=(Text("."),))


def _said(protocol: str, request: ChatRequest) -> dict[str, Any]:
    """The prompt's request in the client's protocol, without what only an upstream wants to hear."""
    spoken = UPSTREAMS["generate" if protocol == "generate-array" else protocol]
    # Google takes no request of instructions alone, and so its encoder makes a user's words of them.
    alone = not any(one.role not in SYSTEM_ROLES for one in request.messages)
    if alone:
        request = msgspec.structs.replace(request, messages=(*request.messages, _SOMEBODY))
    body = spoken.encode_request(request, Quirks())
    if alone:
        cast(list[Any], body[CONVERSATIONS[protocol]]).pop()
    for name in _NOT_SAID:
        body.pop(name, None)
    if request.max_output_tokens is None:
        body.pop("max_tokens", None)  # Anthropic's needs one in any case; the caller's own request has it
    if protocol == "chat" and request.top_k is not None:
        body["top_k"] = request.top_k  # OpenAI has none; most engines that speak its protocol do
    return body


def _refuse_instructions(protocol: str, owned: Owned, get: Get) -> None:
    if _may(owned, "system"):
        return
    for name in (*_INSTRUCTIONS.get(protocol, ()), *_ELSEWHERE.get(protocol, ())):
        if get(name):
            raise _kept(owned, "system", name, "brings instructions of its own")
    field = CONVERSATIONS[protocol]
    own = get(field)
    for index, message in enumerate(cast(list[Any], own) if isinstance(own, list) else ()):
        if isinstance(message, Mapping) and cast(Mapping[str, Any], message).get("role") in SYSTEM_ROLES:
            raise _kept(owned, "system", f"{field}[{index}].role", "brings instructions of its own")


def _conversation(protocol: str, field: str, get: Get) -> Sequence[Any]:
    own = get(field)
    if own is None or own == "":
        return ()
    if protocol == "responses" and isinstance(own, str):
        return ({"type": "message", "role": "user", "content": own},)
    if not isinstance(own, list):
        raise BadRequest(f"`{field}` must be a list of messages", param=field)
    return cast(list[Any], own)


def _add_instructions(
    protocol: str, said: dict[str, Any], after: Mapping[str, Any], get: Get, changes: dict[str, object]
) -> None:
    """The prompt's instructions where they have a field of their own; the caller's, if he may have some, below."""
    names = _INSTRUCTIONS.get(protocol, ())
    if not names:
        return
    name = names[0]
    ours = [one for one in (said.pop(name, None), after.get(name)) if one]
    if not ours:
        return
    pieces = [*ours, *(own for one in names if (own := get(one)))]
    changes.update(dict.fromkeys(names), **{name: pieces[0] if len(pieces) == 1 else _joined(pieces, name)})


def _joined(pieces: Sequence[object], name: str) -> object:
    """Several texts, blocks of texts (Anthropic) or contents (Google) as one."""
    if all(isinstance(one, str) for one in pieces):
        return "\n\n".join(cast(Sequence[str], pieces))
    if name == "system":
        return [block for one in pieces for block in _blocks(one, {"type": "text"}, name)]
    parts = [cast(Mapping[str, Any], one).get("parts", ()) if isinstance(one, Mapping) else one for one in pieces]
    return {"parts": [part for one in parts for part in _blocks(one, {}, name)]}


def _blocks(one: object, kind: Mapping[str, str], name: str) -> list[Any]:
    """Raises:
    BadRequest: it is neither a text nor a list; of the prompt's that cannot be.
    """
    if isinstance(one, str):
        return [{**kind, "text": one}]
    if not isinstance(one, list | tuple):
        raise BadRequest(f"`{name}` must be a text, or hold a list", param=name)
    return list(cast(Sequence[Any], one))


def _bounded(protocol: str, said: dict[str, Any], owned: Owned, get: Get) -> Get:
    """The request without the bound of its answer, where its protocol demands one of every client (Messages): that
    says nothing against the prompt's own, and the smaller of the two counts. It may be set to the caller's here.

    Raises:
        BadRequest: it is no number.
    """
    name = _DEMANDED.get(protocol, "")
    theirs = get(name) if name in said else None
    if theirs is None or _may(owned, _word(name)):
        return get
    if not isinstance(theirs, int) or isinstance(theirs, bool) or theirs < 1:
        raise BadRequest(f"`{name}` must be a whole number above 0", param=name)
    said[name] = min(said[name], theirs)
    return lambda asked: None if asked == name else get(asked)


def _said_otherwise(
    protocol: str, said: Mapping[str, Any], owned: Owned, asked: Asked, changes: dict[str, object]
) -> frozenset[str]:
    """The places whose value is left to the caller, who says it there or under another name, and may.

    Raises:
        BadRequest: he may not.
    """
    own = dict(places(said))
    theirs: set[str] = set()
    for place, value in own.items():
        word = _word(place)
        group = alike(protocol, place)
        for other in group:
            for where, one in asked.values(other):
                if own.get(other) == one:
                    continue
                if other in SAME_UNDER_ANY_NAME and place in SAME_UNDER_ANY_NAME and one == value:
                    changes[other] = None  # once is enough
                    continue
                if not _may(owned, word):
                    raise _kept(owned, word, where, f"sets `{where}`")
                theirs.update(group)
    return frozenset(theirs)


def _set(
    protocol: str, name: str, value: Any, theirs: frozenset[str], asked: Asked, changes: dict[str, object]
) -> None:
    """The prompt's value, though the caller's be the same: of a name that stands twice upstreams may read the other."""
    if name not in OBJECTS or not isinstance(value, Mapping):
        if name not in theirs:
            changes.update(dict.fromkeys(fields_of(protocol, name)), **{name: value})
        return
    members = cast(Mapping[str, Any], value)
    ours = {member: one for member, one in members.items() if f"{name}.{member}" not in theirs}
    changes.update(dict.fromkeys(fields_of(protocol, name)), **{name: {**asked.members(name), **ours}})


def _word(place: str) -> str:
    """Under which a prompt lists it."""
    name = place.rpartition(".")[2]
    return _WORDS.get(name, name)


def may_bring_instructions(owned: Owned) -> bool:
    """Whether callers may."""
    return _may(owned, "system")


def refuse_recalled(prompt: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Raises:
    BadRequest: a conversation that goes on holds instructions that are not those of the prompt, which keeps them to
        itself.
    """
    if any(one.get("role") in SYSTEM_ROLES for one in items):
        raise _refusal("goes on from instructions of its own", prompt, "system", "previous_response_id")


def _may(owned: Owned, word: str) -> bool:
    return word in owned.overridable or "*" in owned.overridable


def _kept(owned: Owned, word: str, where: str, what: str) -> BadRequest:
    return _refusal(what, owned.prompt, word, where)


def _refusal(what: str, prompt: str, word: str, where: str) -> BadRequest:
    return BadRequest(
        f"the request {what}, which the prompt `{prompt}` keeps to itself; leave it out, or ask the prompt's owner to "
        f"list `{word}` under gateway.overridable",
        code="prompt_not_overridable",
        param=where,
    )
