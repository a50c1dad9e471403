"""Long texts are looked at by pieces, the same is found as in the whole, and others have their turn in between."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.guard.looking import Hit, hits
from gateway.guard.pieces import AT_ONCE, found_by_pieces
from gateway.guard.words import Detector, Span
from tests.guard.doubles import Addresses, Secrets, Shouting, rule, texts_of
from tests.guard.test_detector_streams import PIECES, TEXTS
from tests.guard.test_streams_of_detectors import RULES

pytest.importorskip("re2")

DETECTORS = [detector for one in RULES for detector in one.quick]


def by_pieces(detector: Detector, text: str, at_once: int) -> list[Span]:
    return [span for spans in found_by_pieces(detector, text, at_once) for span in spans]


@settings(max_examples=300)
@given(texts=st.lists(TEXTS, max_size=6), at_once=st.integers(1, 60))
def test_whatever_the_size_of_the_pieces_the_same_is_found(texts: list[str], at_once: int) -> None:
    text = "".join(texts)
    for detector in DETECTORS:
        assert by_pieces(detector, text, at_once) == list(detector.find(text))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_what_ships_finds_in_pieces_of_its_own_size_what_it_finds_in_the_whole(detector: Detector) -> None:
    chance = random.Random(3)
    words = [
        "it",
        "was",
        "the",
        "best",
        "of",
        "times,",
        "it",
        "was",
        "the",
        "worst",
        "of",
        "times;",
        "call",
        "me",
        "at",
        "noon",
    ]
    said = [chance.choice(PIECES if chance.random() < 0.1 else words) for _ in range(30_000)]
    text = " ".join(one for one in said if "\ud800" not in one)
    assert len(text) > 8 * AT_ONCE
    whole = detector.find(text)
    assert len(whole) > 100
    assert by_pieces(detector, text, AT_ONCE) == list(whole)


def test_what_is_longer_than_a_piece_is_found_whole() -> None:
    text = "so " * 50 + "a" * 4000 + "@x.org" + " so" * 50
    (span,) = by_pieces(Addresses(), text, 16)
    assert (span.start, span.end) == (150, 4156)


class Watched(Addresses):
    """How long the texts are that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def find(self, text: str) -> Sequence[Span]:
        self.sizes.append(len(text))
        return super().find(text)


def test_a_piece_that_stays_open_is_looked_at_at_most_twice() -> None:
    detector = Watched()
    by_pieces(detector, "a" * 100_000, 100)
    assert sum(detector.sizes) <= 2 * 100_000


async def turns_of_others(texts: Sequence[str]) -> tuple[int, list[list[Hit]]]:
    """How often somebody else had a turn, and what was found."""
    turns, over = 0, False

    async def somebody() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody())
    await asyncio.sleep(0)
    said = texts_of({"messages": [{"role": "user", "content": text} for text in texts]})
    rules = (rule(Addresses(), Shouting()), rule(Secrets(), id="h"))
    before = turns
    found = await said.look(rules, lambda _: None)
    taken, over = turns - before, True
    await other
    assert found == [hits(rules, text) for text in texts]
    return taken, found


async def test_others_have_their_turn_while_a_long_text_is_looked_at() -> None:
    text = f"{'so it goes ' * 20_000} ann@x.org {'and on ' * 20_000} key-123456"
    turns, found = await turns_of_others([text])
    assert turns >= 2 * len(text) // AT_ONCE
    assert [hit.value for hit in found[0]] == ["ann@x.org", "key-123456"]


async def test_others_have_their_turn_between_many_short_texts() -> None:
    turns, _ = await turns_of_others(["how are you, ann@x.org? " * 40] * 200)
    assert turns >= 200 * 24 * 40 // AT_ONCE


async def test_a_short_request_is_looked_at_in_one_turn() -> None:
    assert (await turns_of_others(["hello", "to ann@x.org"]))[0] == 0
