"""Letters that nobody sees, and letters that look like others, hide nothing; what is found stands where it stood."""

import sys

import pytest

from gateway.guard.detectors.plain import plain
from tests.guard.scoring import build

SPACED = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("name", "kind", "written"),
    [
        ("personal_data", "email", "jane\u00ad.doe@exa\u200bmple.org"),
        ("personal_data", "email", "jane.doe＠example.org"),
        ("personal_data", "email", "ｊａｎｅ．ｄｏｅ＠ｅｘａｍｐｌｅ．ｏｒｇ"),
        ("personal_data", "email", "𝗃𝖺𝗇𝖾@example.org"),
        ("personal_data", "card", SPACED.replace(" ", "\u00a0")),
        ("personal_data", "card", SPACED.replace(" ", "\u202f")),
        ("personal_data", "card", "\u2060".join(SPACED)),
        ("personal_data", "card", SPACED.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})),
        ("personal_data", "card", SPACED.translate({ord(str(n)): chr(0x0660 + n) for n in range(10)})),
        ("personal_data", "iban", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"),
        ("secrets", "github_token", "ghp_" + "\u200c".join("a1B2c3D4e" * 4)),
        ("secrets", "aws_key", "ＡＫＩＡQYLPMN5HFIQR7XYA"),
    ],
)
def test_what_reads_like_it_is_found_where_it_stands(name: str, kind: str, written: str) -> None:
    detector, text = build(name), f"é\u200b: {written}\u200b, that is it"
    (span,) = detector.find(text)
    assert (span.kind, text[span.start : span.end]) == (kind, written)
    for cut in range(4, 4 + len(written)):
        assert detector.open_from(text[:cut]) <= span.start


def test_what_is_settled_of_a_text_with_unseen_letters_is_all_of_it() -> None:
    for name in ("personal_data", "secrets"):
        assert build(name).open_from("fine. \u200b\u200b") == 8


def test_every_character_is_read_by_itself_and_ascii_as_it_is() -> None:
    """Where a stream is cut must not matter."""
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)]))
    assert plain(everything) == "".join(map(plain, everything))
    assert everything[:128] == plain(everything[:128])
    for kept in ("für Ärzte – 8½ €", "дом", "机密，", "नमस्ते", "👩🏽\u202e", "①"):
        assert plain(kept) == kept.replace("，", ",")
