"""The journal's lines: whatever is written can be read, whatever is cut or broken is told apart."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_parts import closed_record, open_record

from gateway.core.attempt import Attempt, Charge
from gateway.core.clock import uuid7
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.core.usage import LARGEST, METERS, Usage
from gateway.ledger.entries import cut, encode_closed, encode_feedback, encode_opened, parse

# A NUL does not come back as itself: see below.
texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
counts = st.integers(min_value=0, max_value=LARGEST)
usages = st.builds(Usage, **dict.fromkeys(METERS, counts))
records = st.builds(
    Record,
    id=st.integers(0, 2**63).map(lambda unix_ns: uuid7(unix_ns, bytes)),
    tenant=texts,
    team=texts,
    key_id=texts,
    operation=texts,
    started_ns=st.integers(min_value=0, max_value=2**63 - 1),
    model=texts,
    error_code=texts,
    stream=st.booleans(),
    outcome=st.sampled_from(["open", "completed", "failed", "cancelled"]),
    usage=st.none() | usages,
    cost_nano=st.none() | st.integers(min_value=-LARGEST, max_value=LARGEST),
    ttfb_us=st.none() | counts,
)


said = st.builds(
    Feedback,
    id=st.uuids().map(str),
    call=st.integers(0, 2**63).map(lambda unix_ns: uuid7(unix_ns, bytes)),
    at_ns=st.integers(min_value=0, max_value=2**63 - 1),
    metric=texts,
    kind=st.sampled_from(["thumbs", "bool", "score", "label"]),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    **dict.fromkeys(("tenant", "team", "label", "user", "labels", "comment", "correction"), texts),
)


@given(records, said)
def test_feedback_comes_back_as_it_was_among_calls(record: Record, feedback: Feedback) -> None:
    batch = parse(encode_opened(record) + encode_feedback(feedback) + encode_closed(record))
    assert (batch.opened, batch.closed, batch.feedback, batch.broken) == ([record], [record], [feedback], [])


@given(records, said, st.sampled_from(["o", "c"]))
def test_a_line_is_one_thing_only(record: Record, feedback: Feedback, kind: str) -> None:
    line = msgspec.json.encode({kind: record, "f": feedback}) + b"\n"
    batch = parse(line)
    assert (batch.opened, batch.closed, batch.feedback, batch.broken) == ([], [], [], [line[:-1]])


@pytest.mark.parametrize("wrong", [{"id": "x"}, {"call": "018bcfe5"}, {"at_ns": -1}, {"kind": "x"}, {"score": "1"}])
def test_feedback_that_no_gateway_wrote_is_set_aside(wrong: dict[str, object]) -> None:
    known = {"id": open_record(1).id, "call": open_record(1).id, "at_ns": 1, "tenant": "", "team": "", "metric": "m"}
    line = msgspec.json.encode({"f": {**known, "kind": "label", **wrong}}) + b"\n"
    batch = parse(line)
    assert (batch.feedback, len(batch.broken)) == ([], 1)


@given(records)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    batch = parse(encode_opened(record) + encode_closed(record))
    assert (batch.opened, batch.closed, batch.broken) == ([record], [record], [])


@given(st.lists(records, max_size=6), st.integers(1, 2_000), st.data())
def test_cut_anywhere_only_whole_lines_are_read_and_the_rest_can_follow(
    found: list[Record], piece_bytes: int, data: st.DataObject
) -> None:
    journal = b"".join(map(encode_closed, found))
    end = data.draw(st.integers(min_value=0, max_value=len(journal)))
    first = list(cut(journal[:end], 2, piece_bytes))
    consumed = sum(lines.size for lines in first)
    assert consumed == journal[:end].rfind(b"\n") + 1
    read = [list(lines) for lines in first]
    for batches, lines in zip(read, first, strict=True):
        assert sum(batch.size for batch in batches) == lines.size
        assert sum(len(batch.closed) for batch in batches) <= 2
        assert all(batch.size >= piece_bytes for batch in batches[:-1])
    rest = [batch for lines in cut(journal[consumed:]) for batch in lines]
    assert [
        record for batch in [*(one for batches in read for one in batches), *rest] for record in batch.closed
    ] == found


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"{}",
        b'{"o": {"id": "x"}}',
        b'{"c": null}',
        b'{"c": ' + b"[" * 100_000,
        b"\x00" * 40,
        b'{"o": {"id": "\xff"}}',
        encode_opened(open_record(1))[:-9],
        encode_opened(open_record(1))[:-2] + b"," + encode_closed(closed_record(1))[1:-1],
    ],
    ids=["text", "empty", "fields", "null", "deep", "zeros", "utf8", "cut", "both"],
)
def test_a_broken_line_is_told_apart_and_its_neighbours_are_read(line: bytes) -> None:
    before, after = closed_record(1), closed_record(2)
    batch = parse(encode_closed(before) + line + b"\n" + encode_closed(after))
    assert batch.closed == [before, after]
    assert batch.broken == [line]


@pytest.mark.parametrize("before", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize(
    "wrong",
    [
        encode_closed(closed_record(1))[:-1] + encode_closed(closed_record(1)),
        encode_closed(closed_record(1)).replace(b":", b":\n", 1),
    ],
    ids=["together", "apart"],
)
def test_an_entry_has_a_line_of_its_own(wrong: bytes, before: bytes) -> None:
    """A line break more or less is no other way of writing the same, whatever empty lines are around it."""
    (lines,) = cut(before + wrong + encode_closed(closed_record(2)) + b"{")
    (batch,) = lines
    assert (batch.broken, batch.closed) == (wrong.splitlines(), [closed_record(2)])
    assert parse(before + wrong).broken == wrong.splitlines()


@pytest.mark.parametrize(
    "nonsense",
    [
        closed_record(1, usage=Usage(input_tokens=10**23)),
        closed_record(1, usage=Usage(search_units=LARGEST + 1)),
        closed_record(1, cost_nano=LARGEST + 1),
        closed_record(1, bytes_out=2**64),
        closed_record(1, ttfb_us=2**64),
        closed_record(1, duration_us=-(2**64)),
        closed_record(1, attempts=(Attempt(charges=(Charge("requests", LARGEST + 1),)),)),
        closed_record(1, attempts=(Attempt(started_ns=2**63),)),
    ],
)
def test_numbers_that_no_call_can_have_are_broken_lines(nonsense: Record) -> None:
    """An upstream may say that it used 10²³ tokens. One such row would end every report that adds it up."""
    batch = parse(encode_closed(nonsense))
    assert len(batch.broken) == 1
    assert not batch.closed


@pytest.mark.parametrize(
    "nameless",
    [
        msgspec.structs.replace(closed_record(1), id="1"),
        msgspec.structs.replace(closed_record(1), id=closed_record(1).id.upper()),
        msgspec.structs.replace(closed_record(1), id=f"1{closed_record(1).id[1:]}"),
        msgspec.structs.replace(closed_record(1), id=closed_record(1).id.replace("-7", "-4", 1)),
        msgspec.structs.replace(closed_record(1), id=f"{closed_record(1).id[:-1]}g"),
        msgspec.structs.replace(closed_record(1), id=f"{closed_record(1).id[:-1]}\u0660"),
        msgspec.structs.replace(closed_record(1), id=f"{closed_record(1).id}\n{closed_record(1).id}"),
        closed_record(1, attempts=(Attempt(n=1), Attempt(n=1))),
    ],
)
def test_what_could_not_be_told_apart_is_a_broken_line(nameless: Record) -> None:
    batch = parse(encode_closed(nameless))
    assert len(batch.broken) == 1


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a\0b", "a\ufffdb"),
        ("\0\0", "\ufffd\ufffd"),
        (r"\u0000", r"\u0000"),
        ("\\\0", "\\\ufffd"),
        (r"\\u0000", r"\\u0000"),
    ],
)
def test_a_nul_is_read_as_the_sign_for_what_cannot_be_shown(text: str, read: str) -> None:
    """PostgreSQL keeps no NUL; and a record, with its seal, is the same in every store."""
    line = encode_closed(closed_record(1, error_code=text))
    batch = parse(line)
    assert batch.closed == [closed_record(1, error_code=read)]
    assert batch.size == len(line)


def test_an_empty_line_is_nothing() -> None:
    """It is what ends a line that a full disk has torn, if all of it could be taken back by then."""
    batch = parse(b"\n" + encode_closed(closed_record(1)))
    assert len(batch.closed) == 1
    assert batch.broken == []


def test_opened_lines_hold_no_more_than_is_known() -> None:
    assert len(encode_opened(open_record(1))) < 200
