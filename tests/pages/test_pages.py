"""What pages have in common: texts stay texts, and a page says what a browser may run of it."""

import hashlib
import re
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pages.cells import safe_cell
from gateway.pages.document import document, head
from gateway.pages.words import many, name, passage, plain, printable


@given(st.text())
def test_whatever_a_text_holds_it_stays_a_text(text: str) -> None:
    for written in (plain(text), passage(text)):
        assert not re.search(r"[<>\"']|&(?!(lt|gt|amp|quot|#x27);)", written)
        written.encode()  # no lone surrogate is left, which no file would take
    assert printable(text).isprintable()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", passage(text))


def test_a_passage_keeps_its_lines_and_what_joins_letters() -> None:
    text = "one\n\ttwo\u202fpoints 👨\u200d👩 \u0646\u0645\u06cc\u200c\u062e"
    assert passage(text) == text
    assert passage("a\u202eb\r\x1b[2J") == "a\\u202eb\\u000d\\u001b[2J"


def test_names_and_counts() -> None:
    assert name("<b>\x07") == "<bdi>&lt;b&gt;\\u0007</bdi>"
    assert (many(1, "case"), many(2_000, "case"), many(3, "query", "queries")) == ("1 case", "2,000 cases", "3 queries")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(f"a{text}") == f"a{text}"


def test_a_page_runs_what_it_says_and_nothing_else() -> None:
    text = document(head("A & B", "p { color: red }", "run()") + "<p>x</p>", "run()")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    for tag, kind in (("style", "style"), ("script", "script")):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = re.search(rf"{kind}-src 'sha256-([^']*)'", policy[1])
        assert inside is not None
        assert digest is not None
        assert b64decode(digest[1]) == hashlib.sha256(inside[1].encode()).digest()
    assert "script" not in head("A", "p {}")
    assert "<title>A &amp; B</title>" in text
