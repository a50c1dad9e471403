"""Forms with a file in them, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import BadRequest
from gateway.edge.uploads import MAX_FIELD, MAX_HEAD, FormReader

KIND = b"multipart/form-data; boundary=b"
PURPOSE = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nevals\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: text/plain\r\n\r\n'
END = b"\r\n--b--\r\n"


def read(body: bytes, *cuts: int) -> tuple[FormReader, bytes]:
    form, found = FormReader(KIND), b""
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        for piece in form.feed(body[start:end]):
            found += piece
    form.end()
    return form, found


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_file_comes_through_byte_for_byte_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    content = content.replace(b"\r\n--b", b"")
    form, found = read(PURPOSE + FILE + content + END, *cuts)
    assert (found, form.fields) == (content, {"purpose": "evals"})
    assert form.file is not None
    assert (form.file.name, form.file.filename) == ("file", "a.jsonl")


def test_every_cut_of_what_looks_like_a_boundary_is_data() -> None:
    content = b"\r\n--\r\n--a\r\n-b\r\r\n--"
    body = FILE + content + b"\r\n" + PURPOSE + b"--b--\r\n"
    for cut in range(len(body)):
        form, found = read(body, cut)
        assert (found, form.fields) == (content, {"purpose": "evals"})


def test_what_comes_after_the_end_is_not_looked_at() -> None:
    assert read(PURPOSE + b"--b--\r\nanything at all")[0].fields == {"purpose": "evals"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "cut short"),
        (b"no form", "boundary"),
        (PURPOSE, "cut short"),
        (FILE + b"x", "cut short"),
        (PURPOSE + PURPOSE + b"--b--\r\n", "twice"),
        (FILE + b"x\r\n" + FILE + b"y" + END, "one file"),
        (FILE.replace(b'name="file"', b'name="other"') + END, "one file"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\nx" + END, "Content-Disposition"),
        (FILE.replace(b'; filename="a.jsonl"', b"; filename*=UTF-8''a") + b"x" + END, "plain"),
        (PURPOSE.replace(b"evals", b"x" * (MAX_FIELD + 1)) + b"--b--\r\n", "longer"),
        (b"--b\r\nX: " + b"y" * MAX_HEAD, "headers"),
        (b"--bx\r\n\r\n\r\n" + END, "boundary"),
        (b"".join(PURPOSE.replace(b"purpose", b"p%d" % at) for at in range(21)), "parts"),
    ],
)  # fmt: skip
def test_what_is_no_such_form_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        read(body)


@pytest.mark.parametrize("kind", [b"", b"application/json", b"multipart/form-data", b"multipart/form-data; boundary="])
def test_a_form_says_its_boundary(kind: bytes) -> None:
    with pytest.raises(BadRequest, match="multipart/form-data"):
        FormReader(kind)
