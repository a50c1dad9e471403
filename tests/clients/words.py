"""What every client and every upstream of these tests is told and tells, in words that belong to none of them."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# One red pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """One question. `results`: what a tool gives, by `called(name, arguments)`."""

    prompt: str = "hello"
    system: str = ""
    image: bytes = b""
    schema: Mapping[str, Any] | None = None
    tools: Sequence[Tool] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False


@dataclass
class Said:
    """One answer, as the client gave it. `calls`: (name, arguments). `used`: input and output tokens."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    used: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Turn:
    """One answer, as an upstream gives it."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    used: tuple[int, int] = (12, 7)


@dataclass
class Heard:
    """A request, as it came to an upstream.

    `history`: ("user", text), ("image", bytes), ("assistant", text), ("call", name, arguments), ("result", text).
    """

    system: str
    history: list[tuple[Any, ...]]
    tools: list[str]
    schema: Mapping[str, Any] | None


@dataclass
class Refusal:
    """An error as a client raised it: its class, the HTTP status it knows, its text, and when to try again."""

    kind: str
    status: int | None
    text: str
    retry_after: str | None = None


def called(name: str, arguments: Mapping[str, Any]) -> str:
    return name + json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


class Pairing:
    """Checks that every call is answered, once, in the turn after it; forgets the ids."""

    def __init__(self) -> None:
        self.history: list[tuple[Any, ...]] = []
        self._open: list[str] = []
        self._results = False

    def say(self, role: str, text: str) -> None:
        if not text and role == "assistant":
            return
        assert not self._open, f"{self._open} were not answered before the {role} spoke"
        self._results = False
        if self.history and self.history[-1][0] == role == "assistant":
            text = self.history.pop()[1] + text  # a stream's chunks, given back as they came
        self.history.append((role, text))

    def show(self, image: bytes) -> None:
        self.history.append(("image", image))

    def call(self, id: str, name: str, arguments: Mapping[str, Any]) -> None:
        assert not self._results or not self._open, f"{self._open} were not answered before the next call"
        assert id not in self._open, f"two calls are {id}"
        self._results = False
        self._open.append(id)
        self.history.append(("call", name, dict(arguments)))

    def answer(self, id: str, text: str) -> None:
        assert id in self._open, f"a result for {id}, but open are {self._open}"
        self._results = True
        self._open.remove(id)
        self.history.append(("result", text))

    def done(self) -> list[tuple[Any, ...]]:
        assert not self._open, f"{self._open} were not answered"
        return self.history
