"""Declared files: what is read, and what somebody who slipped is told."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.documents import DocumentError, load_document, parse_document
from gateway.stores.yamltree import Unusual, build, build_plain
from tests.conftest import ROOT


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: str = ""
    effect: Literal["allow", "deny"] = "deny"
    models: tuple[str, ...] | None = None
    price: Decimal | None = None
    count: int = 0
    on: bool = False


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Row, ...] = ()
    named: dict[str, Row] = {}


def read(text: str) -> File:
    return parse_document(text.encode(), "f.yaml", File)


def test_words_are_yaml_1_2s() -> None:
    [row] = read("rules:\n- {id: 2026-11-01, price: 0.1, count: 1_000, on: true, models: [yes, 'no', 1:30]}").rules
    assert row == Row(id="2026-11-01", price=Decimal("0.1"), count=1000, on=True, models=("yes", "no", "1:30"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", Decimal("0.000001")), ("1E6", Decimal(1_000_000)), ("-2.5e3", Decimal(-2500)), ("+.5", Decimal("0.5")),
        (".5e1", Decimal(5)), ("5.", Decimal(5)), ("1.0e+300", Decimal("1e300")), ("1e-300", Decimal("1e-300")),
        ("0e5", Decimal(0)), ("08", "08"), ("012", "012"), ("0x1F", "0x1F"), ("0o17", "0o17"), ("1e", "1e"),
        ("e5", "e5"), ("1e5.0", "1e5.0"), ("1.2.3", "1.2.3"), (".", "."), ("-e5", "-e5"), (".e5", ".e5"),
        ("1e5f", "1e5f"), ("'1e5'", "1e5"), (".inf", ".inf"), ("-.inf", "-.inf"), (".nan", ".nan"), ("inf", "inf"),
        ("1:30.5", "1:30.5"), ("١e٥", "١e٥"), ("2026-01-01", "2026-01-01"),
    ],
)  # fmt: skip
def test_numbers_are_yaml_1_2s_both_ways(text: str, value: object) -> None:
    source = f"- {text}\n".encode()
    assert build_plain(source) == build(source, "f")[0] == [value]
    assert type(build_plain(source)[0]) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: is empty"),
        ("rules:\n- effect: alow", "f.yaml:2: rules.0.effect: `alow` is not a word for this; did you mean `allow`?"),
        ("rules:\n- effect: zzz", "f.yaml:2: rules.0.effect: `zzz` is not a word for this; known: allow, deny"),
        ("rules:\n- id: a\n  efect: deny", "f.yaml:3: unknown key `efect`; did you mean `effect`?"),
        ("rules:\n- models: gpt-4o", "f.yaml:2: rules.0.models: expected a list, got a text"),
        ("rules: 3", "f.yaml:1: rules: expected a list, got a whole number"),
        ("rules:\n- 3", "f.yaml:2: rules.0: expected a mapping (lines of `key: value`), got a whole number"),
        ("rules:\n- count: many", "f.yaml:2: rules.0.count: expected a whole number, got a text"),
        ("rules:\n- on: yes", "f.yaml:2: rules.0.on: expected true or false, got a text"),
        ("rules:\n- price: 1,5", "f.yaml:2: rules.0.price: is not a number"),
        ("named:\n  some:\n    effect: alow", "f.yaml:3: named.some.effect: `alow` is not a word for this; did you"),
        ("rules:\n- id: a\n  models:", "f.yaml:3: `models` has no value; give it one, or leave the line out"),
        ("rules:\n- id: a\n  models: null", "f.yaml:3: `models` has no value"),
        ("rules: []\nrules: []", "f.yaml:2: has the key `rules` twice"),
        ("rules:\n- models: [*]", 'f.yaml:2: is not valid YAML: did not find expected alphabetic or numeric character; '
                                  'write a text that begins with `*` or `&` in quotes: "*"'),
        ("rules:\n\t- id: a", "f.yaml:2: is not valid YAML: found character that cannot start any token; indent with spaces, not with tabs"),
        ("rules: []\nnamed: *a", "f.yaml:2: uses a YAML alias; write the value out instead"),
        ("rules: &a []\nnamed: *a", "f.yaml:1: uses the YAML anchor `&a`; write the value out wherever it is meant"),
        ("rules:\n- &a {id: x}", "f.yaml:2: uses the YAML anchor `&a`"),
        ("rules:\n- &a id: x", "f.yaml:2: uses the YAML anchor `&a`"),
        ("rules:\n- id: &a x", "f.yaml:2: uses the YAML anchor `&a`"),
        ("rules: !!python/none x", "f.yaml:1: uses the YAML tag `python/none`, which is not allowed here"),
        ("rules:\n- id: a\n  models: !!python/object/apply:os.system [x]",
         "f.yaml:3: uses the YAML tag `python/object/apply:os.system`, which is not allowed here"),
        ("rules:\n- !!set {id}", "f.yaml:2: uses the YAML tag `set`"),
        ("rules:\n- !!map {id: a}", "f.yaml:2: uses the YAML tag `map`"),
        ("rules: !!seq\n- id: a", "f.yaml:1: uses the YAML tag `seq`"),
        ("rules:\n- !!binary id: a", "f.yaml:2: uses the YAML tag `binary`"),
        ("rules:\n- id: !!str 3", "f.yaml:2: uses the YAML tag `str`"),
        ("rules:\n- id: !own x", "f.yaml:2: uses the YAML tag `!own`"),
        ("rules:\n- id: ! x", "f.yaml:2: uses the YAML tag `!`"),
        ("rules: []\n---\nrules: []", "f.yaml:2: holds a second document; one file is one document"),
        ("rules:\n- price: 1.0e+999", "f.yaml:2: a number beyond 1e300"),
        ("rules:\n- price: -1e999", "f.yaml:2: a number beyond 1e300"),
        ("rules:\n- price: 1.0e-999", "f.yaml:2: a number beyond 1e300"),
        ("rules:\n- price: 1e999999999999999999999", "f.yaml:2: a number beyond 1e300"),
        ("rules:\n- id: 1e999", "f.yaml:2: a number beyond 1e300"),
        ("rules:\n- id: 7e12", "f.yaml:2: rules.0.id: expected a text, got a number"),
        ("rules:\n- count: " + "9" * 40, "f.yaml:2: a number of more than 30 digits"),
        ("[" * 100 + "]" * 100, "f.yaml:1: is nested deeper than 64 levels"),
        ("? [a]\n: b", "f.yaml:1: has a key that is not a word"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_line_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"no\.yaml: cannot be read: No such file"):
        load_document(tmp_path / "no.yaml", File)


def test_what_a_shape_cannot_say_is_told_with_its_line_too(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("rules:\n- id: a\n- id: b\n  models:\n  - x\n")
    document = load_document(path, File)
    for place, line in ((("rules", 1, "id"), 3), (("rules", 1, "models", 0), 5), (("rules", 1, "price"), 3), ((), 1)):
        assert str(document.error(place, "is odd")) == f"{path}:{line}: is odd"


def test_texts_are_substituted_keys_are_not(tmp_path: Path) -> None:
    def shout(text: str) -> str:
        if text == "bad":
            raise ValueError("`bad` has no value")
        return text.upper()

    path = tmp_path / "f.yaml"
    path.write_text("named: {a: {id: b, models: [c]}}")
    assert load_document(path, File, shout).value.named == {"a": Row(id="B", models=("C",))}
    path.write_text("rules:\n- id: a\n- id: bad")
    with pytest.raises(DocumentError, match=r"f\.yaml:3: `bad` has no value"):
        load_document(path, File, shout)


@given(st.text(alphabet=st.sampled_from("rules:named{}[]-&*!|>'\"\n \t#%@ab1.~?,"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read(text), File)
    except DocumentError as error:
        assert error.reason  # noqa: PT017  any reason will do


@given(st.text(alphabet=st.sampled_from("ab:{}[]-&*!|>'\"\n #%@1.0_~?,ytnule+="), max_size=60))
def test_the_quick_way_reads_what_the_careful_way_reads_or_leaves_it_alone(text: str) -> None:
    try:
        plain = build_plain(text.encode())
    except Unusual:
        return
    assert repr(plain) == repr(build(text.encode(), "f")[0])


def test_what_is_declared_usually_takes_the_quick_way() -> None:
    text = b"rules:\n- {id: a, models: ['x*', y], price: 0.5, from: 2026-01-01, on: true, count: 3}\n"
    assert build_plain(text)["rules"][0]["price"] == Decimal("0.5")
    for path in (ROOT / "policies").glob("**/*.yaml"):
        build_plain(path.read_bytes())
