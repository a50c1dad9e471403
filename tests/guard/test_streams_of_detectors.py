"""The detectors that ship, on streams: however a text is cut, the same of it is found and taken out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.sse import data_of, split
from gateway.guard.detectors import DETECTORS
from gateway.guard.detectors.deny import DenyOptions
from gateway.guard.detectors.personal import PersonalDataOptions
from gateway.guard.escapes import Seen
from gateway.guard.looking import edited, edits_of, hits
from gateway.guard.rules import Rule
from gateway.guard.streaming import StreamGuard
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from gateway.guard.words import Detector, Span
from tests.guard.doubles import Shouting, rule
from tests.guard.test_detector_streams import PIECES, TEXTS

pytest.importorskip("re2")


def built(word: str, options: object = None) -> Detector:
    made = DETECTORS[word]
    return made.build(made.options() if options is None else options)


def rules() -> tuple[Rule, ...]:
    deny = DenyOptions(words=("nightjar", "müller", "机密"), patterns={"case": r"CASE-\d{3,6}(?:/[A-Z]+)?"})
    return (
        rule(built("secrets"), built("personal_data", PersonalDataOptions(regions=("US", "DE")))),
        rule(built("deny", deny), id="words"),
        rule(built("urls", DETECTORS["urls"].options(hosts=("example.com",), max_query=5)), id="urls"),
    )


RULES = rules()


def chunked(text: str, cuts: list[int], looking: Looking) -> list[bytes]:
    """What comes out for each piece, and at the end."""
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    guard = StreamGuard(looking)
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return [*(guard.feed(b"data: " + json.dumps(one).encode() + b"\n\n") for one in chunks), guard.end()]


def said(out: list[bytes]) -> str:
    found = [json.loads(data_of(event) or b"") for event in split(b"".join(out))]
    return "".join(one["choices"][0]["delta"]["content"] for one in found)


@settings(max_examples=300)
@given(text=TEXTS.filter(lambda text: "\ud800" not in text), data=st.data())
def test_any_cut_gives_the_same_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    whole = edited(text, edits_of(hits(RULES, text), Seen(text, json=False)))
    assert said(chunked(text, cuts, Looking(RULES, Vault(), lambda _: None))) == whole


@pytest.mark.parametrize("piece", [piece for piece in PIECES if len(piece) > 12 and "\ud800" not in piece])
def test_letter_by_letter(piece: str) -> None:
    text = f"Here it is: {piece} and that was it."
    whole = edited(text, edits_of(hits(RULES, text), Seen(text, json=False)))
    assert said(chunked(text, list(range(1, len(text))), Looking(RULES, Vault(), lambda _: None))) == whole


@pytest.mark.parametrize(
    "before", ["x," * 80 + 'phone: "', '{"a": "' + "x-" * 70 + '", "phone": "', "x," * 80 + "BSN: "]
)
def test_a_word_that_tells_what_a_number_is_stays_in_sight_behind_a_long_one(before: str) -> None:
    text = f'{before}{"111222333" if "BSN" in before else "2127365000"}" and so on'
    whole = edited(text, edits_of(hits(RULES, text), Seen(text, json=False)))
    assert whole != text
    for cut in range(len(before) - 2, len(before) + 3):
        assert said(chunked(text, [cut], Looking(RULES, Vault(), lambda _: None))) == whole


class Fixed:
    """Finds one word, and says that a text is open so many characters before its end."""

    whole = False

    def __init__(self, word: str, back: int) -> None:
        self.name, self._word, self._back = word, word, back

    def find(self, text: str) -> list[Span]:
        at = text.find(self._word)
        return [] if at < 0 else [Span(at, at + len(self._word), "a")]

    def open_from(self, text: str) -> int:
        return len(text) - self._back if text.endswith("bbb") else len(text)


def test_a_span_that_is_found_is_never_cut_by_another_that_is_open() -> None:
    looking = Looking((rule(Fixed("aab", 0), Fixed("bbb", 1)),), Vault(), lambda _: None)
    assert said(chunked("x aabbb end", [7], looking)) == "x [A] end"


def test_prose_flows() -> None:
    prose = "The quick brown fox jumps over the lazy dog, and nobody minds. " * 20
    out = chunked(prose, list(range(6, len(prose), 6)), Looking(RULES, Vault(), lambda _: None))
    waits = longest = 0
    for one in out[:-1]:
        waits = 0 if one else waits + 1
        longest = max(longest, waits)
    assert longest <= 4, "a word of a few pieces is held back, and no more"


def test_what_judges_wholes_judges_answers_alone() -> None:
    schema = built("json_schema", DETECTORS["json_schema"].options(schema={"type": "object", "required": ["a"]}))
    found: list[str] = []
    looking = Looking((rule(schema, action="block", hold=True),), Vault(), lambda got: found.extend(hit.span.kind for hit in got), True)  # fmt: skip
    guard = StreamGuard(looking)
    for delta in ({"reasoning_content": "hm"}, {"content": '{"a"'}, {"content": ": 1}"}, {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}):  # fmt: skip
        assert guard.feed(b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n") == b""
    assert guard.end().count(b"data:") == 4
    assert found == []
    chunked('{"b": 1}', [3], looking)
    assert found == ["schema"]
    loud = Looking((rule(Shouting()),), Vault(), lambda _: None, True)
    assert said(chunked("HELLO", [2, 3], loud)) == "[SHOUTING]"


def test_what_begins_only_where_the_context_is_cut_hides_nothing() -> None:
    """Of the long word that has gone out only the end is looked at again. That looks like a key which goes on."""
    key = "SG." + "x" * 20 + "." + "y1" * 20
    text = (
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r-{key}-postgres://u:s3cr3tpw@db.local/x"
    )
    whole = edited(text, edits_of(hits(RULES, text), Seen(text, json=False)))
    assert "s3cr3tpw" not in whole
    for cut in range(len(text) - 40, len(text) + 1):
        assert said(chunked(text, [cut], Looking(RULES, Vault(), lambda _: None))) == whole
