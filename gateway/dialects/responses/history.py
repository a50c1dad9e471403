"""Conversations by `previous_response_id`, made of items again; and the list form in which inputs are shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from gateway.core.faults import BadRequest, UpstreamBroken
from gateway.dialects.reading import answer_object, part, rows, words
from gateway.dialects.seals import is_sealed
from gateway.dialects.sse import data_of, read_object, split

# Items of hosted tools: the work is done, and the answer tells what came of it. Their ids are their upstream's own.
_HOSTED = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_list_tools", "mcp_call"})
_ENDINGS = (b"response.completed", b"response.incomplete")
MAX_PAGE = 100


def refuse_unheld(background: object, conversation: object, input: object) -> None:
    """What only the upstream would hold cannot be used, whoever the upstream is: a response that goes on after its call
    has ended is neither metered nor stopped, and a conversation or an item there is not one tenant's but the whole
    account's.

    Raises:
        BadRequest: the request asks for one of them.
    """
    if background not in (None, False):
        raise BadRequest("`background` is not offered here; wait, or stream", param="background")
    if conversation is not None:
        raise BadRequest("`conversation` is not offered here; use `previous_response_id`", param="conversation")
    for index, item in enumerate(cast(list[object], input) if isinstance(input, list) else ()):
        if isinstance(item, dict) and _is_reference(cast(dict[str, Any], item)):
            raise BadRequest(
                "items cannot be referred to by their id here; send the item, or use `previous_response_id`",
                param=f"input[{index}]",
            )


def _is_reference(item: Mapping[str, Any]) -> bool:
    """An id may stand alone: its type may be left out."""
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "id" in item and "role" not in item)


def input_items(value: object) -> list[dict[str, Any]]:
    """A request's `input` as items: a string is a user's message; what is no item is left for the codec to refuse."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if not isinstance(value, list):
        return []
    return [cast(dict[str, Any], item) for item in cast(list[object], value) if isinstance(item, dict)]


def turn_items(input: Iterable[Mapping[str, Any]], response: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One turn, its input and its output, as input of the next.

    Ids mean something to the upstream that gave them alone, thoughts without their encrypted content are refused by
    every upstream, and so are hosted tools' items by every other: all are left out.
    """
    items: list[dict[str, Any]] = []
    for item in [*input, *rows(response, "output")]:
        kind = item.get("type")
        if kind in _HOSTED or (kind == "reasoning" and not item.get("encrypted_content")):
            continue
        items.append({name: value for name, value in item.items() if name not in ("id", "status")})
    return items


def own_items(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of items that were made here, those an upstream of this dialect takes as they are: neither another provider's
    sealed thoughts, nor images that it did not make itself."""
    return [item for item in items if item.get("type") != "image_generation_call" and not _is_foreign(item)]


def _is_foreign(item: Mapping[str, Any]) -> bool:
    """Whether it is another provider's thought."""
    return item.get("type") == "reasoning" and is_sealed(words(item, "encrypted_content"))


def response_in(body: bytes) -> dict[str, Any] | None:
    """The response object that a whole answer is; None if it is another thing."""
    try:
        said = answer_object(body)
    except UpstreamBroken:
        return None
    return said if words(said, "id") and said.get("object") == "response" else None


def response_ended_in(batch: bytes) -> dict[str, Any] | None:
    """The finished response that a batch of whole events tells of, if one of them does."""
    if not any(ending in batch for ending in _ENDINGS):
        return None
    for event in split(batch):
        data = data_of(event)
        said = read_object(data) if data and data.startswith(b"{") else None
        if said is not None and words(said, "type").encode() in _ENDINGS:
            response = dict(part(said, "response"))
            return response if words(response, "id") else None
    return None


def item_list(
    items: Sequence[Mapping[str, Any]], response_id: str, *, after: str, limit: int, order: str
) -> dict[str, Any]:
    """`GET /v1/responses/{id}/input_items`: a page of them, newest first unless told otherwise.

    Raises:
        BadRequest: no such order, or no such item to start after.
    """
    if order not in ("asc", "desc"):
        raise BadRequest("`order` is asc or desc", param="order")
    named = [_as_listed(item, f"item_{response_id}_{place}") for place, item in enumerate(items)]
    if order == "desc":
        named.reverse()
    ids = [str(item["id"]) for item in named]
    start = 0
    if after:
        if after not in ids:
            raise BadRequest(f"there is no item `{after[:100]}`", param="after")
        start = ids.index(after) + 1
    page = named[start : start + min(max(1, limit), MAX_PAGE)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + len(page) < len(named),
    }


def _as_listed(item: Mapping[str, Any], id_: str) -> dict[str, Any]:
    """An input item as the API lists it: with an id, a type, and a message's text as a part, however it was sent."""
    listed = {**item, "id": item.get("id") or id_}
    if "role" not in item:
        return listed
    if isinstance(text := item.get("content"), str):
        spoken = item["role"] == "assistant"
        kind: dict[str, Any] = {"type": "output_text", "annotations": []} if spoken else {"type": "input_text"}
        listed["content"] = [{**kind, "text": text}]
    return {"type": "message", "status": "completed", **listed}
