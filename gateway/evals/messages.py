"""`input_messages`: what a model is asked for a row, as chat completions or the Responses API want it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from gateway.compare.grading.templates import Missing, Template
from gateway.compare.grading.values import text_of
from gateway.core.faults import BadRequest
from gateway.evals.reading import joined, refuse_blocks, refuse_large

Api = Literal["chat", "responses"]
ROLES = ("user", "assistant", "system", "developer", "tool", "function")
_TEXTS = ("input_text", "output_text", "text")
Fill = Callable[[str], str]


class Unfillable(Exception):
    """A row has not got what the messages are made of. Says what is missing."""


class InputMessages:
    """Args:
        value: `input_messages`, decoded. place: what it is called in the request.

    Attributes:
        slots: how many values are put into them.

    Raises:
        BadRequest: it is none, or has a template that is none; `param` says where.
    """

    def __init__(self, value: Any, api: Api, place: str) -> None:
        self._api: Api = api
        self._templates: dict[str, Template] = {}
        self._messages: Sequence[Mapping[str, Any]] = ()
        self._reference: Template | None = None
        self.slots = 0
        refuse_large(value, place)
        found = cast(dict[str, Any], value) if isinstance(value, dict) else {}
        if found.get("type") == "template" and isinstance(found.get("template"), list):
            self._messages = self._read(cast(list[Any], found["template"]), joined(place, ["template"]))
        elif found.get("type") == "item_reference" and isinstance(found.get("item_reference"), str):
            text = f"{{{{{found['item_reference']}}}}}"
            self._reference = self._template(text, joined(place, ["item_reference"]))
        else:
            raise BadRequest(
                f'`{place}` is {{"type": "template", "template": [messages]}} or {{"type": "item_reference", '
                '"item_reference": "item.NAME"}',
                param=place,
            )

    def filled(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The messages for a row.

        Raises:
            Unfillable: it has no such values.
        """
        values = {"item": item}
        try:
            if self._reference is not None:
                return self._referred(self._reference.fill(values))
            return [
                _message(one, self._api, lambda text: self._templates[text].text_with(values)) for one in self._messages
            ]
        except Missing as error:
            raise Unfillable(f"in the item, {error}") from None

    def _referred(self, messages: Any) -> list[dict[str, Any]]:
        """Messages out of the data: they are nobody's templates."""
        if not isinstance(messages, list) or not messages:
            raise Unfillable("what `item_reference` names is no list of messages")
        found: list[dict[str, Any]] = []
        for one in cast(list[Any], messages):
            try:
                found.append(_message(_checked(one, "message"), self._api, str))
            except BadRequest as error:
                raise Unfillable(f"what `item_reference` names is no list of messages: {error.message}") from None
        return found

    def _read(self, messages: list[Any], place: str) -> Sequence[Mapping[str, Any]]:
        if not messages:
            raise BadRequest(f"`{place}` is empty: the model would be asked nothing", param=place)
        found = [_checked(one, joined(place, [index])) for index, one in enumerate(messages)]
        for index, message in enumerate(found):
            at = joined(place, [index, "content"])
            for text in _texts(message["content"], at):
                self._templates[text] = self._template(text, at)
        return found

    def _template(self, text: str, place: str) -> Template:
        refuse_blocks(text, place)
        self.slots += text.count("{{")
        try:
            template = Template(text)
        except ValueError as error:
            raise BadRequest(f"`{place}`: {error}", param=place) from None
        for root in sorted(template.roots - {"item"}):
            raise BadRequest(f"`{place}`: `{{{{{root}}}}}` is not of `item`, which is all there is yet", param=place)
        return template


def _checked(message: Any, place: str) -> Mapping[str, Any]:
    """Raises:
    BadRequest: it is no message.
    """
    found = cast(dict[str, Any], message) if isinstance(message, dict) else {}
    if found.get("role") not in ROLES:
        raise BadRequest(
            f"`{place}` is a message with a `role`, one of {', '.join(ROLES)}", param=joined(place, ["role"])
        )
    if found.get("type") not in (None, "message"):
        raise BadRequest(f"`{place}` is of a type that is no message", param=joined(place, ["type"]))
    if "content" not in found:
        raise BadRequest(f"`{place}` has no `content`", param=joined(place, ["content"]))
    list(_texts(found["content"], joined(place, ["content"])))
    return found


def _texts(content: Any, place: str) -> Iterator[str]:
    """All that may be a template in a message's content.

    Raises:
        BadRequest: it is no content.
    """
    if isinstance(content, str):
        yield content
        return
    if isinstance(content, list):
        for index, one in enumerate(cast(list[Any], content)):
            if isinstance(one, list):
                raise BadRequest(f"`{place}` has a list within a list", param=joined(place, [index]))
            yield from _texts(one, joined(place, [index]))
        return
    part = cast(dict[str, Any], content) if isinstance(content, dict) else {}
    kind = part.get("type")
    if kind in _TEXTS and isinstance(part.get("text"), str):
        yield part["text"]
    elif kind == "input_image" and isinstance(part.get("image_url"), str):
        yield part["image_url"]
    elif kind != "input_audio" or not isinstance(part.get("input_audio"), dict):
        raise BadRequest(
            f"`{place}` is a text, or parts of the types input_text, output_text, input_image (with an `image_url`) "
            "and input_audio",
            param=place,
        )


def _message(message: Mapping[str, Any], api: Api, fill: Fill) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        filled: Any = fill(content)
    else:
        parts = cast(list[Any], content) if isinstance(content, list) else [content]
        text = "output_text" if message["role"] == "assistant" else "input_text"
        filled = [_chat_part(one, fill) if api == "chat" else _responses_part(one, text, fill) for one in parts]
    # Of a message out of a trajectory its calls of tools, and what they answer to.
    kept = {name: message[name] for name in ("tool_calls", "tool_call_id", "name") if name in message}
    return {"role": message["role"], "content": filled, **(kept if api == "chat" else {})}


def _chat_part(part: Any, fill: Fill) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": fill(part)}
    if part["type"] == "input_image":
        image = {"url": fill(part["image_url"])} | ({"detail": part["detail"]} if part.get("detail") else {})
        return {"type": "image_url", "image_url": image}
    if part["type"] == "input_audio":
        return {"type": "input_audio", "input_audio": part["input_audio"]}
    return {"type": "text", "text": fill(part["text"])}


def _responses_part(part: Any, text: str, fill: Fill) -> dict[str, Any]:
    """`text`: the type of a text."""
    if not isinstance(part, str) and part["type"] == "input_image":
        return {"type": "input_image", "image_url": fill(part["image_url"]), "detail": part.get("detail") or "auto"}
    if not isinstance(part, str) and part["type"] == "input_audio":
        return {"type": "input_audio", "input_audio": part["input_audio"]}
    return {"type": text, "text": fill(part if isinstance(part, str) else part["text"])}


def as_told(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Messages as an output item has them: each content one text."""
    return [{"role": str(one["role"]), "content": _told(one["content"])} for one in messages]


def _told(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = cast(list[dict[str, Any]], content)
    if all("text" in part for part in parts):
        return "\n".join(part["text"] for part in parts)
    return text_of(parts)
