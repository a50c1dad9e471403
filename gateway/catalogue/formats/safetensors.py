"""The head of a safetensors file: eight bytes of length, a JSON object of names, types, shapes and places, and then the
numbers, without gaps. Format: https://github.com/huggingface/safetensors#format."""

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

import msgspec

MAX_HEADER = 100_000_000  # as in the reference implementation
_NAMES: Mapping[int, str] = {
    4: "F4",
    6: "F6_E2M3 F6_E3M2",
    8: "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
    16: "U16 I16 F16 BF16",
    32: "U32 I32 F32",
    64: "U64 I64 F64 C64",
}
_BITS: Mapping[str, int] = {name: bits for bits, names in _NAMES.items() for name in names.split()}


class SafetensorsError(ValueError):
    """Not a safetensors file, or one that does not mean what it says."""


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_safetensors(path: Path) -> int:
    """How many tensors the file holds, once its head is known to be true.

    Raises:
        SafetensorsError: it is not safetensors, cut short, or its tensors overlap, leave gaps, or are not as large as
            their shapes.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MAX_HEADER, size - 8):
            raise SafetensorsError(f"is no safetensors file: a head of {length} bytes does not fit into it")
        head = file.read(length)
    try:
        entries = msgspec.json.decode(head, type=dict[str, msgspec.Raw])
        entries.pop("__metadata__", None)
        tensors = [msgspec.json.decode(entry, type=_Tensor) for entry in entries.values()]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SafetensorsError(f"has a head that cannot be read: {error}") from None
    _check(tensors, size - 8 - length)
    return len(tensors)


def _check(tensors: list[_Tensor], room: int) -> None:
    at = 0
    for tensor in sorted(tensors, key=lambda one: one.data_offsets):
        begin, end = tensor.data_offsets
        if begin != at or end < begin:
            raise SafetensorsError(f"has a tensor at {begin} where one should begin at {at}")
        at = end
        if any(count < 0 for count in tensor.shape):
            raise SafetensorsError("has a tensor of a negative size")
        bits = _BITS.get(tensor.dtype)
        if bits is not None and prod(tensor.shape) * bits != (end - begin) * 8:
            raise SafetensorsError(f"has a tensor at {begin} that is not as large as its shape")
    if at != room:
        raise SafetensorsError(f"holds {room} bytes of tensors where its head tells of {at}")
