"""A form with a file in it, as it comes."""

import pytest

from gateway.core.faults import BadRequest
from gateway.edge.uploads import FormReader

FORM = (
    b'--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nevals\r\n'
    b'--B\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"item": {}}\n\r\n--Bx\r\n--B--'
)


def reader() -> FormReader:
    return FormReader(b"multipart/form-data; boundary=B")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_a_form_is_read_however_it_is_cut(size: int) -> None:
    form, whole = reader(), FORM.replace(b"\r\n--Bx", b"\r\n--Ax")
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert b"".join(data for piece in pieces for data in form.feed(piece)) == b'{"item": {}}\n\r\n--Ax'
    form.end()
    assert form.fields == {"purpose": "evals"}


def test_a_boundary_that_goes_on_is_none() -> None:
    form = reader()
    assert b"".join(form.feed(FORM)) == b'{"item": {}}\n'
    with pytest.raises(BadRequest, match="cut short"):
        form.end()


def test_what_comes_behind_a_form_takes_no_memory() -> None:
    form = reader()
    list(form.feed(FORM.replace(b"\r\n--Bx", b"")))
    for _ in range(100):
        assert list(form.feed(b"x" * 10_000)) == []
    form.end()
    assert len(form._buffer) == 0  # pyright: ignore[reportPrivateUsage]
