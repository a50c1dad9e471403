"""Messages between two processes over pipes: a length in four bytes, and so much."""

from typing import Protocol


class Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Writable(Protocol):
    def write(self, data: memoryview, /) -> int | None: ...


def send(pipe: Writable, message: bytes) -> None:
    """Raises:
    OSError: nobody reads it.
    """
    for part in (len(message).to_bytes(4, "big"), message):
        left = memoryview(part)
        while left:
            left = left[pipe.write(left) or 0 :]


def receive(pipe: Readable) -> bytearray:
    """Raises:
    EOFError: the other side has ended.
    """
    return _exactly(pipe, int.from_bytes(_exactly(pipe, 4), "big"))


def _exactly(pipe: Readable, size: int) -> bytearray:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = pipe.readinto(left)
        if not count:
            raise EOFError
        left = left[count:]
    return data
