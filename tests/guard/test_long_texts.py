"""Long texts are looked at beside the event loop: others have their turn meanwhile, and the same is found."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from gateway.guard.clean_texts import CleanTexts, Digests
from gateway.guard.long_texts import LONG, LongTexts
from gateway.guard.looking import Hit, hits
from gateway.guard.words import Span
from tests.guard.doubles import Addresses, Secrets, Shouting, look, looked_at, rule, texts_of

RULES = (rule(Addresses(), Shouting()), rule(Secrets(), id="h"))
WORDS = f"{'so it goes ' * 2000} ann@x.org {'and on ' * 2000} key-123456"


class Waiting(Addresses):
    """Goes on when somebody on the loop says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.at_once = self.most = 0

    def find(self, text: str) -> Sequence[Span]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.asked.set()
        assert self.go_on.wait(20), "the loop has no turn"
        self.at_once -= 1
        return super().find(text)


def said(*texts: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


@pytest.mark.parametrize("texts", [[WORDS], [WORDS[:3000], "", WORDS] * 3, ["to ann@x.org "] * 4000])
async def test_the_same_is_found_in_long_texts(texts: list[str]) -> None:
    noted: list[Hit] = []
    found = await look(texts_of(said(*texts)), RULES, noted.extend)
    whole = [hits(RULES, text) for text in texts if text]
    assert found == whole
    assert any(whole)
    assert noted == [hit for got in whole for hit in got]


@pytest.mark.parametrize("texts", [[WORDS], ["to ann@x.org "] * 4000], ids=["one long", "many short"])
async def test_others_have_their_turn_meanwhile(texts: list[str]) -> None:
    detector = Waiting()
    looking = asyncio.create_task(look(texts_of(said(*texts)), (rule(detector),)))
    while not detector.asked.is_set():
        await asyncio.sleep(0.001)
    assert not looking.done()
    detector.go_on.set()
    assert sum(map(len, await looking)) == sum(text.count("@") for text in texts)


async def test_one_is_looked_at_after_the_other_however_many_come() -> None:
    detector, long = Waiting(), LongTexts()
    requests = [texts_of(said(WORDS)) for _ in range(4)]
    looks = [asyncio.create_task(look(request, (rule(detector),), long=long)) for request in requests]
    while not detector.asked.is_set():
        await asyncio.sleep(0.001)
    detector.go_on.set()
    assert [len(found[0]) for found in await asyncio.gather(*looks)] == [1, 1, 1, 1]
    assert detector.most == 1


async def test_who_hangs_up_is_not_waited_for_and_nothing_of_his_is_known_as_clean() -> None:
    detector, clean = Waiting(), CleanTexts(Digests())
    looking = look(texts_of(said(WORDS)), (rule(detector),), clean=clean)
    task = asyncio.create_task(looking)
    while not detector.asked.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(clean.digests.kept) == 0
    detector.go_on.set()


def test_short_texts_are_looked_at_at_once() -> None:
    assert [len(found) for found in looked_at(texts_of(said("hello", "to ann@x.org")), RULES)] == [0, 1]


async def test_what_is_known_as_clean_makes_no_request_long() -> None:
    clean = CleanTexts(Digests())
    old = ["so it goes " * 200] * (LONG // 2000)
    await look(texts_of(said(*old)), RULES, clean=clean)
    found = looked_at(texts_of(said(*old, "to ann@x.org")), RULES, clean=clean)
    assert [len(got) for got in found] == [0] * len(old) + [1]
