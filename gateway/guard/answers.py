"""A whole answer, looked at."""

from typing import Any

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.dialects.nesting import nested_too_deeply
from gateway.dialects.sse import read_object
from gateway.guard.escapes import Seen
from gateway.guard.events import answer_places
from gateway.guard.first_look import FirstLook
from gateway.guard.streaming import changed
from gateway.guard.walking import Place
from gateway.guard.window import Looking


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What is empty, or says who speaks, is no text."""

    content: str
    role: str = ""
    refusal: None = None
    annotations: tuple[()] | None = None
    tool_calls: tuple[()] | None = None
    function_call: None = None
    audio: None = None
    reasoning_content: None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    message: _Message
    index: int = 0
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    logprobs: Any = None


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A chat completion that says nothing but texts. Beside it stands nothing that may hold another (`ANSWERED`); it is
    opened all the same: an answer in which something is no JSON is looked at in another way."""

    choices: list[_Choice]
    id: Any = None
    object: Any = None
    created: Any = None
    model: Any = None
    usage: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    provider: Any = None
    prompt_logprobs: Any = None
    timings: Any = None


_decode_plain = msgspec.json.Decoder(_Plain).decode


def _plain_choices(body: bytes) -> list[_Choice] | None:
    """Of a chat completion that says nothing but texts, as most do; None of any other answer."""
    try:
        if not body.isascii():
            body.decode()  # the reader does not look inside of names
        if nested_too_deeply(body):
            return None
        said: _Plain = _decode_plain(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return said.choices


def says_nothing(body: bytes, first: FirstLook) -> bool:
    """Whether the detectors of this first look find nothing in an answer, as far as one look tells."""
    choices = _plain_choices(body)
    if choices is None:
        return False
    for choice in choices:  # noqa: SIM110  no generator: every answer comes by here
        if not first.finds_nothing(choice.message.content):
            return False
    return True


def look_at_answer(body: bytes, looking: Looking) -> tuple[bytes, list[str]]:
    """The body with what has to change changed, and its texts. What is no JSON object is one text (subtitles)."""
    places = _places(body)
    changes = {place.path: new for place in places if (new := looking.changed(place)) is not None}
    texts = [Seen(place.text, json=True).text if place.json else place.text for place in places]
    return (changed(body, changes) if changes else body), texts


def sole_answer(body: bytes) -> str | None:
    """The text of an answer that says one thing, thoughts and calls of tools aside; None of any other."""
    found = [one for one in _places(body) if one.path and not one.aside]
    return found[0].text if len(found) == 1 else None


def plain_places(body: bytes) -> list[Place] | None:
    """What `answer_places` finds in a chat completion that says nothing but texts; None for any other answer."""
    choices = _plain_choices(body)
    if choices is None:
        return None
    said = [(number, choice.message.content) for number, choice in enumerate(choices)]
    return [Place(("choices", number, "message", "content"), text) for number, text in said if text]


def _places(body: bytes) -> list[Place]:
    if (plain := plain_places(body)) is not None:
        return plain
    json = True
    try:
        if (said := read_object(body)) is not None:
            return list(answer_places(said))
    except UpstreamBroken:
        json = nested_too_deeply(body)
    # Whoever reads it may be content with bytes that are no text, and so they hide nothing here.
    return [Place((), body.decode(errors="replace"), json)]
