"""What a request says, looked at."""

from collections.abc import Callable
from typing import Any, cast

from gateway.core.fields import Fields
from gateway.guard.clean_texts import CleanTexts
from gateway.guard.escapes import Seen
from gateway.guard.first_look import FirstLook
from gateway.guard.long_texts import LongTexts
from gateway.guard.looking import Hit, edited, edits_of
from gateway.guard.request_fields import looked_at, request_places
from gateway.guard.rules import Rule
from gateway.guard.vault import Vault
from gateway.guard.walking import Place, places, put

_INSTRUCTIONS = ("system", "instructions", "systemInstruction", "system_instruction")
_TURNS = ("messages", "input", "contents")


def instructions(get: Callable[[str], object]) -> str:
    """What the application told the model to be, in whatever protocol. `get`: a field's decoded value, or None."""
    texts = [place.text for name in _INSTRUCTIONS for place in places(get(name), name)]
    for name in _TURNS:
        turns = get(name)
        for turn in cast(list[Any], turns) if isinstance(turns, list) else ():
            if isinstance(turn, dict) and cast(dict[str, Any], turn).get("role") in ("system", "developer"):
                texts += [place.text for place in places(cast(object, turn))]
    return "\n".join(texts)


class RequestTexts:
    """The texts of a request's fields, by field.

    Attributes:
        fields: those that hold any text, decoded. texts: as they are sent.
    """

    def __init__(self, fields: Fields, *more: tuple[str, object]) -> None:
        """`more`: what was said before it, under names of its own."""
        self.fields: dict[str, object] = {}
        self._places: list[tuple[str, Place]] = []
        named = [(name, fields.get(name)) for name in looked_at(fields)]
        for name, value in (*more, *named) if more else named:
            if value is not None:
                self.fields[name] = value
                self._places += [(name, place) for place in request_places(name, value)]
        self.texts = [place.text for _, place in self._places]

    async def look(
        self,
        rules: tuple[Rule, ...],
        note: Callable[[list[Hit]], None],
        clean: CleanTexts | None,
        long: LongTexts,
        first: FirstLook | None = None,
    ) -> list[list[Hit]]:
        """What is found, text by text. `clean`: texts in which these rules found nothing, which hears of others.
        `long`: looks at what takes long. `first`: as `hits` has it."""
        digests = [b"" if clean is None else clean.digest(place) for _, place in self._places]
        new = [number for number, one in enumerate(digests) if clean is None or one not in clean.digests]
        found: list[list[Hit]] = [[] for _ in digests]
        if not new:
            return found
        places = [self._places[number][1] for number in new]
        texts = [Seen(place.text, json=place.json).text for place in places]
        for number, got in zip(new, await long.hits(rules, texts, first), strict=True):
            found[number] = got
            if got:
                note(got)
            elif clean is not None:
                clean.digests.add(digests[number])
        return found

    def redacted(self, found: list[list[Hit]], vault: Vault) -> dict[str, Any]:
        """The fields that change, with what was found taken out."""
        if not any(found):
            return {}
        vault.avoid(self.texts)
        changes: dict[str, list[tuple[Any, object]]] = {}
        for number, ((name, place), got) in enumerate(zip(self._places, found, strict=True)):
            if not got:
                continue
            edits = edits_of(got, Seen(place.text, json=place.json), vault=vault, json=place.json)
            if edits:
                self.texts[number] = text = edited(place.text, edits)
                changes.setdefault(name, []).append((place.path, place.written(text)))
        return {name: put(self.fields[name], these) for name, these in changes.items()}
