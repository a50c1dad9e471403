"""A whole answer, looked at."""

from gateway.core.faults import UpstreamBroken
from gateway.dialects.sse import read_object
from gateway.guard.escapes import Seen
from gateway.guard.events import answer_places
from gateway.guard.streaming import changed
from gateway.guard.walking import Place
from gateway.guard.window import Looking


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


def _places(body: bytes) -> list[Place]:
    json = True
    try:
        if (said := read_object(body)) is not None:
            return list(answer_places(said))
    except UpstreamBroken:
        json = False
    try:
        return [Place((), body.decode(), json)]
    except UnicodeDecodeError:
        return []
