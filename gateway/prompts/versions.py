"""One version of a prompt: what it is called, whose it is, and its template, compiled when it is first asked for."""

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.prompts.refusing import UnusablePrompt


class Prompt(Protocol):
    """A compiled prompt."""

    def render(self, variables: Mapping[str, object], context: object = ..., history: object = ...) -> object: ...


class Version:
    """Attributes:
    number: 0 for a draft. digest: `sha256:` and 64 hex digits. at, by, message: as its lock says; empty for a draft.
    problem: why it cannot be served, as far as anybody has tried; empty.
    """

    __slots__ = ("_compile", "_prompt", "at", "by", "digest", "message", "name", "number", "problem")

    def __init__(
        self,
        name: str,
        number: int,
        digest: str,
        compile: Callable[[], Prompt],
        at: str = "",
        by: str = "",
        message: str = "",
    ) -> None:
        self.name, self.number, self.digest = name, number, digest
        self.at, self.by, self.message = at, by, message
        self.problem = ""
        self._compile = compile
        self._prompt: Prompt | None = None

    def prompt(self) -> Prompt:
        """The template.

        Raises:
            UnusablePrompt: it cannot be compiled, or is not what was published.
        """
        found = self._prompt
        if found is None:
            if self.problem:
                raise self.refusal()
            found = self._prompt = self._compile()
        return found

    def refusal(self) -> UnusablePrompt:
        return UnusablePrompt(f"version {self.number} of the prompt `{self.name}` cannot be used now")
