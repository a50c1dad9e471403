"""Facts collected for a card, from the best source to the poorest: what is known already stays."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import msgspec

from gateway.catalogue.cards import Card, Licence
from gateway.catalogue.huggingface import spdx_from_huggingface
from gateway.catalogue.licences import parse_licence

MAX_TEXT = 1000
MAX_ITEMS = 200
# Of numbers that are measurements; others are mistakes.
_LARGEST = Decimal(10) ** 15


class ImportingError(Exception):
    """The source cannot be read; the message says what to do."""


def clean(text: object) -> str:
    """One line of printable text: what others wrote must not be able to end a comment or a line of YAML."""
    if not isinstance(text, str | int | float | Decimal):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in str(text)[: 4 * MAX_TEXT]).split())[
        :MAX_TEXT
    ]


def cleaned(value: object) -> Any:
    """The same for a value of maps, lists and scalars."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {key: cleaned(inner) for key, inner in cast(Mapping[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [cleaned(inner) for inner in cast(list[object], value)[:MAX_ITEMS]]
    return value


def texts(value: object) -> list[str]:
    """A text or a list of texts, as others write whichever they like."""
    items = cast(list[object], value) if isinstance(value, list) else [value]
    return list(dict.fromkeys(text for item in items[:MAX_ITEMS] if (text := clean(item))))


def number(value: object) -> Decimal | None:
    """A measured value; None if it is none."""
    try:
        found = Decimal(clean(value))
    except InvalidOperation:
        return None
    return round(found, 12).normalize() if found.is_finite() and abs(found) < _LARGEST else None


class Facts:
    """`put` a fact once; the first one to say it counts. `remarks`: section of the card → comments for its reviewer."""

    def __init__(self) -> None:
        self._card: dict[str, Any] = {}
        self.remarks: dict[str, list[str]] = {}

    def put(self, path: str, value: object) -> None:
        """`path`: `section` or `section.name`. What is empty is no fact; what a card cannot hold becomes a remark."""
        value = cleaned(value)
        section, _, name = path.partition(".")
        held = self._card.setdefault(section, {}) if name else self._card
        if value in (None, "", [], {}) or (name or section) in held:
            return
        try:
            msgspec.convert({"name": "x", section: {name: value} if name else value}, Card, strict=True)
        except msgspec.ValidationError as error:
            self.remark(section, f"{path}: {value} does not fit ({error})")
            return
        held[name or section] = value

    def add(self, path: str, value: object) -> None:
        """One more item of the list at `section` or `section.name`; equal ones once."""
        section, _, name = path.partition(".")
        held = self._card.setdefault(section, {}) if name else self._card
        before: list[Any] = held.pop(name or section, [])
        self.put(path, [value])
        found: list[Any] = held.pop(name or section, [])
        together = [*before, *(one for one in found if one not in before)][:MAX_ITEMS]
        if together:
            held[name or section] = together

    def remark(self, section: str, text: str) -> None:
        said = self.remarks.setdefault(section, [])
        if clean(text) not in said:
            said.append(clean(text))

    def licence(self) -> str:
        """The expression that is known, or empty."""
        return self._card.get("licence", {}).get("expression", "")

    def card(self, name: str) -> Card:
        filled = {section: value for section, value in self._card.items() if value not in ({}, [])}
        return msgspec.convert({**filled, "name": name}, Card, strict=True)


def put_licence(facts: Facts, licence: object, link: str, source: str, title: str = "") -> None:
    """A licence in Hugging Face's words. `source`: who says so, for the remark about one that is not known."""
    expression, licence_class, url = spdx_from_huggingface(licence, link)
    try:
        parse_licence(Licence(expression=expression, class_=licence_class, url=url))
    except ValueError as error:
        if licence or title or link:
            said = {"license": licence, "license_name": title, "license_link": link}
            words = ", ".join(f"{key}: {' | '.join(texts(value))}" for key, value in said.items() if value)
            facts.remark("licence", f"{source} says {words}; {error}")
        return
    said = {"expression": expression, "class": licence_class, "url": url}
    before = facts.licence()
    if before and before != expression:
        facts.remark("licence", f"{source} says another licence: {expression}")
    facts.put("licence", {key: value for key, value in said.items() if value})
