"""The load leaves when its time has come, and counts only the answer that was asked for."""

from collections.abc import Iterator

import pytest

from tests.fleet import answers
from tests.fleet.control import Fleet
from tests.fleet.load import Aim, OpenLoop, Shot
from tests.ports import free_port

AIMS = [Aim("m", "subject"), Aim("m", "control", stream=True)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(["a"], tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


async def shots(fleet: Fleet, mode: str, patience_s: float = 20.0) -> list[Shot]:
    fleet.set(a=mode)
    fleet.forget()
    return await OpenLoop(fleet.ports["a"], "sk-test", patience_s).run(AIMS, 50, 0.5, poisson=False)


async def test_every_call_is_asked_once_and_right_answers_are_right(fleet: Fleet) -> None:
    found = await shots(fleet, "healthy")
    assert [shot.wrong for shot in found] == [""] * 24
    assert {shot.group for shot in found} == {"subject", "control"}
    assert all(shot.took_s > 0 and shot.lag_s >= 0 for shot in found)
    assert fleet.counts().times_asked == {"subject": {1: 12}, "control": {1: 12}}


@pytest.mark.parametrize(
    ("mode", "patience_s", "wrong"),
    [
        ("failing", 20.0, "status 500"),
        ("cutting", 20.0, "the connection was closed before the answer was complete"),
        ("refusing", 20.0, "no connection: Connection refused"),
        ("black_hole", 0.3, "no answer in time"),
        ("half_dead", 0.3, "no answer in time"),
    ],
)
async def test_calls_leave_whether_or_not_earlier_ones_are_answered(
    fleet: Fleet, mode: str, patience_s: float, wrong: str
) -> None:
    found = await shots(fleet, mode, patience_s)
    assert [shot.wrong for shot in found] == [wrong] * 24


async def test_nobody_there_is_wrong_for_every_call() -> None:
    found = await OpenLoop(free_port(), "sk-test").run(AIMS, 50, 0.1, poisson=False)
    assert [shot.wrong for shot in found] == ["no connection: Connection refused"] * 4


async def test_random_moments_are_the_same_for_the_same_seed(fleet: Fleet) -> None:
    fleet.set(a="healthy")
    loads = [OpenLoop(fleet.ports["a"], "sk-test", seed=seed) for seed in (1, 1, 2)]
    planned = [sorted(shot.sent_s - shot.lag_s for shot in await one.run(AIMS, 100, 0.2)) for one in loads]
    assert planned[0] == pytest.approx(planned[1])
    assert planned[0] != pytest.approx(planned[2])


STREAM = b"".join(answers.events("t-1", "a", usage=True))


@pytest.mark.parametrize(
    ("payload", "stream", "wrong"),
    [
        (answers.whole("t-1", "a"), False, ""),
        (answers.whole("t-2", "a"), False, "another answer"),
        (answers.error("server_error", "x"), False, "not a chat answer"),
        (b"<html>", False, "not a chat answer"),
        (STREAM, True, ""),
        (b"".join(answers.events("t-2", "a", usage=False)), True, "another answer"),
        (STREAM.removesuffix(answers.DONE), True, "a stream without its end"),
        (b"".join(answers.events("t-1", "a", usage=False)[1:]), True, "another answer"),
        (STREAM.replace(b"fp_a", b"fp_b", 1), True, "a stream of several upstreams"),
        (
            b"".join([*answers.events("t-1", "a", usage=False)[:3], b'data: {"error": {}}\n\n', answers.DONE]),
            True,
            "a stream that ends in an error",
        ),
    ],
)
def test_only_the_answer_that_was_asked_for_is_right(payload: bytes, stream: bool, wrong: str) -> None:
    assert answers.wrong_with(payload, "t-1", stream=stream) == wrong
