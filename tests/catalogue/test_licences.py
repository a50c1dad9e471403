"""Licences: SPDX's grammar, four classes, and what Hugging Face calls them."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalogue.cards import Licence
from gateway.catalogue.huggingface import spdx_from_huggingface
from gateway.catalogue.licences import CLASS_OF, MAX_EXPRESSION, STRICTNESS, known_licence, parse_licence, strictest
from gateway.core.model import LicenceClass

URL = "https://example.com/licence"


def terms(expression: str, class_: LicenceClass | None = None, url: str = "") -> tuple[str, str]:
    found = parse_licence(Licence(expression=expression, class_=class_, url=url))
    return found.expression, found.licence_class


@pytest.mark.parametrize(
    ("written", "expression", "licence_class"),
    [
        ("mit", "MIT", "open"),
        ("apache-2.0", "Apache-2.0", "open"),
        ("GPL-2.0+", "GPL-2.0-or-later", "open"),
        ("gpl-3.0", "GPL-3.0-only", "open"),
        ("BSL-1.0", "BSL-1.0", "open"),
        ("BUSL-1.1", "BUSL-1.1", "commercial-terms"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0", "non-commercial"),
        ("MIT and cc-by-nc-4.0", "MIT AND CC-BY-NC-4.0", "non-commercial"),
        ("MIT or CC-BY-NC-4.0", "MIT OR CC-BY-NC-4.0", "open"),
        ("(BUSL-1.1 OR CC-BY-NC-4.0) AND SSPL-1.0", "(BUSL-1.1 OR CC-BY-NC-4.0) AND SSPL-1.0", "commercial-terms"),
        ("MIT AND SSPL-1.0 OR BUSL-1.1", "(MIT AND SSPL-1.0) OR BUSL-1.1", "open-weights-restricted"),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "open",
        ),
    ],
)
def test_an_expression_comes_to_its_class(written: str, expression: str, licence_class: str) -> None:
    assert terms(written) == (expression, licence_class)


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        (Licence(expression=""), "an empty licence expression"),
        (Licence(expression="Apach-2.0"), "`Apach-2.0` is no SPDX licence; did you mean `Apache-2.0`?"),
        (Licence(expression="MIT AND EUPL-1.3"), "`EUPL-1.3` is no SPDX licence; did you mean `EUPL-1."),
        (Licence(expression="quite unlike any of them"), "SPDX's are at https://spdx.org/licenses"),
        (Licence(expression="MIT AND"), "`MIT AND` is no SPDX licence expression: AND requires two or more"),
        (Licence(expression="MIT, ISC"), "is no SPDX licence expression: Invalid license key"),
        (Licence(expression="MIT WITH ISC"), "`ISC` is a licence, not an exception"),
        (Licence(expression="MIT WITH LicenseRef-x", class_="open", url=URL), "no SPDX licence exception"),
        (Licence(expression="Classpath-exception-2.0"), "write its licence before it"),
        (Licence(expression="LicenseRef-house"), "say so with `class`"),
        (Licence(expression="LicenseRef-house", class_="commercial-terms"), "say where its text is with `url`"),
        (Licence(expression="LicenseRef-a b", class_="open", url=URL), "is no SPDX licence"),
        (Licence(expression="Sleepycat"), "what `Sleepycat` allows is not known here; say so with `class`"),
        (Licence(expression="MIT AND CC-BY-NC-4.0", class_="open"), "promises more than `MIT AND CC-BY-NC-4.0` gives"),
        (Licence(expression="SSPL-1.0", class_="open"), "which is open-weights-restricted"),
        (Licence(expression="LicenseRef-x AND CC-BY-NC-4.0", class_="open", url=URL), "which is non-commercial"),
        (Licence(expression="MIT AND " * 1000 + "MIT"), f"more than {MAX_EXPRESSION} characters"),
    ],
    ids=lambda given: given.expression[:30] if isinstance(given, Licence) else "",
)
def test_what_is_wrong_with_a_licence_is_said(licence: Licence, says: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_licence(licence)
    assert says in str(raised.value)


def test_a_class_may_be_stricter_and_stands_for_what_spdx_does_not_say() -> None:
    assert terms("MIT", "non-commercial") == ("MIT", "non-commercial")
    assert terms("Sleepycat", "open") == ("Sleepycat", "open")
    assert terms("licenseref-x or MIT".replace("licenseref", "LicenseRef"), "commercial-terms", URL)[1] == (
        "commercial-terms"
    )
    assert terms("DocumentRef-terms:LicenseRef-x", "open-weights-restricted", URL) == (
        "DocumentRef-terms:LicenseRef-x",
        "open-weights-restricted",
    )


@pytest.mark.parametrize("word", ["LicenseRef-Apache", "LicenseRef-MIT-TC", "LicenseRef-scancode-bsd-new"])
def test_a_reference_is_never_taken_for_a_licence_that_it_is_named_after(word: str) -> None:
    with pytest.raises(ValueError, match="say so with `class`"):
        parse_licence(Licence(expression=word))
    assert terms(word, "non-commercial", URL) == (word, "non-commercial")


def test_every_licence_of_the_table_is_one_of_spdx_in_its_spelling() -> None:
    assert {word: known_licence(word) for word in CLASS_OF} == {word: word for word in CLASS_OF}
    assert set(CLASS_OF.values()) == set(STRICTNESS)


_words = st.sampled_from(["MIT", "SSPL-1.0", "BUSL-1.1", "CC-BY-NC-4.0", "GPL-2.0-only WITH Classpath-exception-2.0"])
_trees = st.recursive(_words, lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner), max_leaves=8)


def written(tree: object) -> str:
    match tree:
        case (operator, left, right):
            return f"({written(left)} {operator} {written(right)})"
        case _:
            return str(tree)


def meant(tree: object) -> int:
    match tree:
        case ("AND", left, right):
            return max(meant(left), meant(right))
        case ("OR", left, right):
            return min(meant(left), meant(right))
        case _:
            return STRICTNESS.index(CLASS_OF[str(tree).split()[0]])


@given(_trees)
def test_and_is_the_strictest_or_the_laxest_however_deep(tree: object) -> None:
    found = parse_licence(Licence(expression=written(tree)))
    assert STRICTNESS.index(found.licence_class) == meant(tree)
    assert parse_licence(Licence(expression=found.expression)) == found, "the normal form means the same"


_pieces = st.sampled_from(["MIT", " AND ", " OR ", " WITH ", "(", ")", " ", "+", "LicenseRef-a", ":", "\x00", "é", "/"])


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=200), st.lists(_pieces, max_size=150).map("".join)))
def test_no_text_is_more_than_a_mistake(text: str) -> None:
    with contextlib.suppress(ValueError):
        found = parse_licence(Licence(expression=text, class_="non-commercial", url=URL))
        assert found.licence_class == "non-commercial"


def test_deep_nesting_is_read_or_refused_as_any_other_mistake() -> None:
    deep = "MIT"
    while len(deep) < MAX_EXPRESSION - 20:
        deep = f"ISC {'AND' if 'OR' in deep[:6] else 'OR'} ({deep})"
    assert terms(deep)[1] == "open"


def test_the_strictest_of_several() -> None:
    assert strictest(["open", "commercial-terms", "open-weights-restricted"]) == "commercial-terms"


@pytest.mark.parametrize(
    ("licence", "expression", "licence_class"),
    [
        ("apache-2.0", "Apache-2.0", None),
        ("bsl-1.0", "BSL-1.0", None),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", None),
        ("agpl-3.0", "AGPL-3.0-only", None),
        ("odc-by", "ODC-By-1.0", None),
        ("lgpl-lr", "LGPLLR", None),
        ("llama3.1", "LicenseRef-llama3.1", "open-weights-restricted"),
        ("Gemma", "LicenseRef-gemma", "open-weights-restricted"),
        ("openrail++", "LicenseRef-openrail-plus-plus", "open-weights-restricted"),
        ("deepfloyd-if-license", "LicenseRef-deepfloyd-if-license", "non-commercial"),
        ("other", "", None),
        ("unknown", "", None),
        ("gpl", "", None),
        ("bsd", "", None),
        ("cc", "", None),
        ("openrail", "", None),
        ("classpath-exception-2.0", "", None),
        ("", "", None),
        (None, "", None),
        (["mit", "apache-2.0"], "", None),
    ],
)
def test_what_hugging_face_calls_a_licence(licence: object, expression: str, licence_class: str | None) -> None:
    found = spdx_from_huggingface(licence, "LICENSE")
    assert found[:2] == (expression, licence_class)
    assert found[2].startswith("https://") or not found[2], "a path within the repository is no URL"
    if expression:
        parse_licence(Licence(expression=expression, class_=found[1], url=found[2] or URL))


def test_a_link_that_is_one_is_kept() -> None:
    assert spdx_from_huggingface("other", URL) == ("", None, URL)
    assert spdx_from_huggingface("llama3", URL) == ("LicenseRef-llama3", "open-weights-restricted", URL)
