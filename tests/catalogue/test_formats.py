"""Heads of GGUF and safetensors files: those that the reference implementations write, and those that lie."""

import contextlib
import json
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.catalogue.formats.gguf import GgufError, read_gguf
from gateway.catalogue.formats.safetensors import SafetensorsError, read_safetensors
from tests.catalogue.conftest import write_gguf, write_safetensors

SHARED_FOLDER = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_the_head_of_a_real_model(smollm: Path) -> None:
    head = read_gguf(smollm)
    assert (head.version, head.tensors) == (3, 272)
    assert head.metadata["general.license"] == "apache-2.0"
    assert head.metadata["llama.context_length"] == 8192
    assert head.metadata["general.languages"] == ["en"]
    assert "tokenizer.ggml.tokens" not in head.metadata, "vocabularies are skipped"


def test_what_the_reference_implementation_writes_is_read(tmp_path: Path) -> None:
    path = write_gguf(
        tmp_path / "m.gguf", general__name="Tëst", general__file_type=7, general__tags=["a", "b"], x__y=True
    )
    head = read_gguf(path)
    wanted = {"general.name": "Tëst", "general.file_type": 7, "general.tags": ["a", "b"], "x.y": True}
    assert wanted.items() <= head.metadata.items()
    assert read_safetensors(write_safetensors(tmp_path / "m.safetensors")) == 2


def pair(key: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value


def gguf(*pairs: bytes, tensors: int = 0, version: int = 3, count: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, len(pairs) if count is None else count) + b"".join(pairs)


LIES = {
    "empty": (b"", "cut short"),
    "another kind": (b"\x80\x04N.", "does not begin with `GGUF`"),
    "version": (gguf(version=1), "version 1"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "pairs": (gguf(count=2**63), "claims"),
    "tensors": (gguf(tensors=2**40), "claims"),
    "missing pairs": (gguf(count=1000), "cut short"),
    "long key": (gguf(struct.pack("<Q", 2**62)), "cut short"),
    "long text": (gguf(pair("k", 8, struct.pack("<Q", 2**50))), "cut short"),
    "long list": (gguf(pair("k", 9, struct.pack("<IQ", 4, 2**61))), "cut short"),
    "many texts": (gguf(pair("k", 9, struct.pack("<IQ", 8, 2**40))), "claims more than"),
    "list of lists": (gguf(pair("k", 9, struct.pack("<IQ", 9, 1))), "list of values of the type 9"),
    "type": (gguf(pair("k", 99, b"")), "unknown type 99"),
    "twice": (gguf(pair("k", 7, b"\1"), pair("k", 7, b"\0")), "the key `k` twice"),
    "alignment": (gguf(pair("general.alignment", 4, b"\0" * 4)), "alignment of 0"),
    "dimensions": (gguf(tensors=1) + struct.pack("<QI", 0, 1000), "1000 dimensions"),
    "tensor far away": (gguf(tensors=1) + struct.pack("<QIIQ", 0, 0, 0, 2**40), "behind its end"),
    "tensor askew": (gguf(tensors=1) + struct.pack("<QIIQ", 0, 0, 0, 5), "no multiple of 32"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_gguf_file_that_lies_is_told_without_believing_it(name: str, tmp_path: Path) -> None:
    content, says = LIES[name]
    path = tmp_path / "lie.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(GgufError, match=says):
            read_gguf(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("real")
    texts = ["word"] * 50
    path = write_gguf(folder / "m.gguf", general__name="real", tokenizer__list=texts, a__b=3)
    return path.read_bytes(), write_safetensors(folder / "m.safetensors").read_bytes()


def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    return bytes(changed[: draw(st.integers(0, len(changed)))] if draw(st.booleans()) else changed)


@SHARED_FOLDER
@given(st.data())
def test_no_bytes_are_more_than_a_mistake(
    real: tuple[bytes, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutant"
    for content, read, error in ((real[0], read_gguf, GgufError), (real[1], read_safetensors, SafetensorsError)):
        mutant = data.draw(st.one_of(st.binary(max_size=300), st.composite(mutated)(content)))
        path.write_bytes(data.draw(st.sampled_from([b"", content[:24]])) + mutant)
        with contextlib.suppress(error):
            assert read(path)


def safetensors(head: object, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x04N.", "no safetensors file"),
        (struct.pack("<Q", 2**60) + b"{}", "a head of 1152921504606846976 bytes does not fit"),
        (safetensors(b"[" * 5000), "cannot be read"),
        (safetensors({"a": 1}), "cannot be read"),
        (safetensors({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, b"\0" * 12), "should begin at 8"),
        (safetensors({"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, b"\0" * 20), "should begin at 8"),
        (safetensors({"a": tensor(0, 8, [3])}, b"\0" * 8), "not as large as its shape"),
        (safetensors({"a": tensor(0, 8, [-1])}, b"\0" * 8), "negative"),
        (safetensors({"a": tensor(0, 8, [2])}, b"\0" * 9), "holds 9 bytes of tensors where its head tells of 8"),
        (safetensors({"a": tensor(0, 8, [2])}, b"\0" * 4), "holds 4 bytes"),
    ],
)
def test_a_safetensors_file_that_lies_is_told(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "lie.safetensors"
    path.write_bytes(content)
    with pytest.raises(SafetensorsError, match=says):
        read_safetensors(path)
