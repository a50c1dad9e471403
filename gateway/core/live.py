"""A value that is replaced whole while others read it."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Live(Generic[T]):
    """The current snapshot of something declared in files or a store.

    Readers take `.value` once per decision and keep using what they took; a reload assigns a new frozen value. Within
    one event loop that makes reloads atomic without a lock.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
