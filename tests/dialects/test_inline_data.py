"""Base64 in a body is found wherever it is, and long texts are not taken for it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai.body import INLINE_RUN, inline_data, read_json

RUN = re.compile(rb"[A-Za-z0-9+/_-]{%d,}={0,2}" % INLINE_RUN)
lengths = st.sampled_from([0, 1, 7, INLINE_RUN - 1, INLINE_RUN, INLINE_RUN + 1, 2 * INLINE_RUN - 1, 3 * INLINE_RUN])
ends = st.sampled_from([b"", b" ", b'"', b"=", b"==", b"===", b"= ", b"\xc3\xa4"])
texts = st.lists(st.tuples(st.sampled_from([b"A", b"z", b"+", b"_"]), lengths, ends), max_size=8)


@given(texts)
def test_every_run_is_found_that_a_look_at_every_byte_finds(pieces: list[tuple[bytes, int, bytes]]) -> None:
    raw = b"".join(letter * length + end for letter, length, end in pieces)
    found = [match.end() - match.start() for match in RUN.finditer(raw)]
    assert inline_data(raw) == (sum(found), len(found))


def test_a_body_says_the_same_of_itself_however_often_it_is_asked() -> None:
    image = "A" * 5_000
    body = b'{"messages": [{"content": "%b"}], "prompt": "%b", "user": "%b"}' % ((image.encode(),) * 3)
    fields = read_json(body)
    assert fields.inline_data() == fields.inline_data() == (5_000, 1)
