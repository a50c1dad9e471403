"""What a client library must be able to do to take part: a class of these for each."""

from abc import ABC, abstractmethod
from typing import ClassVar

from tests.clients.words import Ask, Refusal, Said


class Client(ABC):
    """One client library on its way to a gateway.

    Attributes:
        errors: what it raises for an answer that is an error.
        counts: whether it can ask for a count of tokens.
        waits: whether it heeds `retry-after` and `retry-after-ms`.
        tells_retry_after: whether its errors show the answer's headers.
        server: the gateway without a path. key: the caller's. retries: how often it tries again by itself.
    """

    errors: ClassVar[tuple[type[Exception], ...]]
    counts: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    tells_retry_after: ClassVar[bool] = True

    def __init__(self, server: str, key: str, retries: int) -> None:
        self.server = server
        self.key = key
        self.retries = retries

    @property
    def v1(self) -> str:
        return f"{self.server}/v1"

    @abstractmethod
    async def say(self, model: str, ask: Ask) -> Said:
        """Ask once. A stream is read to its end."""

    @abstractmethod
    async def loop(self, model: str, ask: Ask) -> Said:
        """Ask, run the tools that the model calls, and go on until it calls none."""

    @abstractmethod
    def refusal(self, error: Exception) -> Refusal:
        """What an error says."""

    async def count(self, model: str, prompt: str) -> int:
        raise AssertionError(f"{type(self).__name__} does not count")

    async def close(self) -> None:  # noqa: B027  some have nothing to let go of
        """Let go of connections."""
