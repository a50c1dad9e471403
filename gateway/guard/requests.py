"""What a request says, looked at."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from gateway.core.fields import Fields
from gateway.guard.clean_texts import CleanTexts
from gateway.guard.escapes import Seen
from gateway.guard.first_look import FirstLook
from gateway.guard.long_texts import LongTexts
from gateway.guard.looking import Hit, edited, edits_of
from gateway.guard.request_fields import looked_at, plain_texts, request_places
from gateway.guard.rules import Rule
from gateway.guard.vault import Vault
from gateway.guard.walking import Place, places, put

_INSTRUCTIONS = ("system", "instructions", "systemInstruction", "system_instruction")
_TURNS = ("messages", "input", "contents")
_MESSAGES = ["messages"]
_NONE: frozenset[int] = frozenset()
# Texts that are to be looked at: the number of each, and what it is to be known by.
Unknown = Sequence[tuple[int, bytes]]


def instructions(get: Callable[[str], object]) -> str:
    """What the application told the model to be, in whatever protocol. `get`: a field's decoded value, or None."""
    texts = [place.text for name in _INSTRUCTIONS for place in places(get(name), name)]
    for name in _TURNS:
        turns = get(name)
        for turn in cast(list[Any], turns) if isinstance(turns, list) else ():
            if isinstance(turn, dict) and cast(dict[str, Any], turn).get("role") in ("system", "developer"):
                texts += [place.text for place in places(cast(object, turn))]
    return "\n".join(texts)


def _placed(named: Iterable[tuple[str, object]]) -> list[tuple[str, Place]]:
    return [(name, place) for name, value in named for place in request_places(name, value)]


class RequestTexts:
    """The texts of a request's fields, by field.

    Attributes:
        fields: those that hold any text, decoded. texts: as they are sent.
    """

    __slots__ = ("_json", "_placed", "fields", "texts")

    def __init__(self, fields: Fields, *more: tuple[str, object]) -> None:
        """`more`: what was said before it, under names of its own."""
        names = looked_at(fields)
        # Where they stand is asked only of texts in which something was found.
        self._placed: list[tuple[str, Place]] | None = None
        self._json: frozenset[int] = _NONE
        if names == _MESSAGES and not more:
            value = fields.get("messages")
            if (texts := plain_texts(value)) is not None:
                self.fields: dict[str, object] = {"messages": value}
                self.texts = texts
                return
            named = [("messages", value)]
        else:
            named = [*more, *((name, fields.get(name)) for name in names)]
        named = [(name, value) for name, value in named if value is not None]
        self.fields = dict(named)
        self._placed = placed = _placed(named)
        self._json = frozenset(number for number, (_, place) in enumerate(placed) if place.json)
        self.texts = [place.text for _, place in placed]

    def unknown(self, clean: CleanTexts | None) -> Unknown:
        """The texts that are to be looked at. `clean`: knows those in which the same rules found nothing before."""
        if clean is None:
            return [(number, b"") for number in range(len(self.texts))]
        return clean.unknown(self.texts, self._json)

    async def look(
        self,
        unknown: Unknown,
        rules: tuple[Rule, ...],
        note: Callable[[list[Hit]], None],
        clean: CleanTexts | None,
        long: LongTexts,
        first: FirstLook | None = None,
    ) -> list[list[Hit]]:
        """What is found, text by text; only the unknown ones are looked at. `clean`: hears of those in which nothing
        is. `long`: looks at what takes long. `first`: as `hits` has it."""
        found: list[list[Hit]] = [[] for _ in self.texts]
        json = self._json
        texts = [Seen(self.texts[number], json=number in json).text for number, _ in unknown]
        for (number, digest), got in zip(unknown, await long.hits(rules, texts, first), strict=True):
            found[number] = got
            if got:
                note(got)
            elif clean is not None:
                clean.digests.add(digest)
        return found

    def redacted(self, found: list[list[Hit]], vault: Vault) -> dict[str, Any]:
        """The fields that change, with what was found taken out."""
        if not any(found):
            return {}
        placed = self._placed or _placed(self.fields.items())
        vault.avoid(self.texts)
        changes: dict[str, list[tuple[Any, object]]] = {}
        for number, ((name, place), got) in enumerate(zip(placed, found, strict=True)):
            if not got:
                continue
            edits = edits_of(got, Seen(place.text, json=place.json), vault=vault, json=place.json)
            if edits:
                self.texts[number] = text = edited(place.text, edits)
                changes.setdefault(name, []).append((place.path, place.written(text)))
        return {name: put(self.fields[name], these) for name, these in changes.items()}
