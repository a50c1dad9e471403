"""Which name of a model was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.nearby import nearby

KNOWN = ("smollm2", "gpt-4o-mini", "gpt-4.1-mini", "claude-haiku-4-5", "gemini-2.5-flash", "text-embedding-3-small")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("smollm", "smollm2"),
        ("SmolLM-2", "smollm2"),
        ("local/smollm2", "smollm2"),
        ("gpt4o-mini", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("claude-haiku", "claude-haiku-4-5"),
        ("gemini-flash", "gemini-2.5-flash"),
        ("text-embedding-3-large", "text-embedding-3-small"),
    ],
)
def test_the_most_alike_stands_first(asked: str, meant: str) -> None:
    assert nearby(asked, KNOWN)[0] == meant


@pytest.mark.parametrize("asked", ["", "/", "gpt", "x", "llama-3.3-70b", "no-such-model", "🙂", "x" * 100_000])
def test_what_is_like_none_gets_none(asked: str) -> None:
    assert nearby(asked, KNOWN) == []


@given(st.text(), st.lists(st.text(), unique=True))
def test_never_the_name_itself_and_only_known_ones(asked: str, known: list[str]) -> None:
    found = nearby(asked, [*known, asked])
    assert asked not in found
    assert set(found) <= set(known)


@given(st.lists(st.text(min_size=1), unique=True), st.sampled_from(KNOWN))
def test_names_that_there_are_besides_change_nothing_of_the_order(others: list[str], name: str) -> None:
    """So that names which a caller may not use cannot be told by those that he is told."""
    alone = nearby(name, KNOWN)
    assert [one for one in nearby(name, [*others, *KNOWN]) if one in KNOWN] == alone
