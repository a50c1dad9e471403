"""A request that a target's model cannot read, or that a target cannot do: another is asked, or the caller hears it."""

from collections.abc import Callable

import pytest

from gateway.core.call import Call
from gateway.core.faults import BadRequest, UpstreamRefused, UpstreamResting, UpstreamUnreachable
from gateway.core.model import Decision, Model, Permit
from gateway.core.target import Target
from gateway.dialects.refusals import refused
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import BRISK, A, B, Fleet, Said, down, fine, refusal

TEXT, EYES = ("text",), ("text", "image")
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def reader(place: str, *inputs: str, model: str = "m") -> Permit:
    provider, _, name = place.partition("/")
    told = Model(name=model, target=Target(provider, name), place=place, inputs=inputs)
    return Permit(told, Decision(allowed=True))


def asks(*parts: object) -> Call:
    return call_of("chat", model="m", messages=[{"role": "user", "content": [{"type": "text", "text": "?"}, *parts]}])


def cannot() -> Said:
    return refused(
        500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    )


async def test_what_the_card_says_is_not_read_is_refused_before_anything_is_sent() -> None:
    fleet = Fleet(BRISK, a=[fine])
    call = asks(IMAGE)
    with pytest.raises(BadRequest) as caught:
        await fleet.ask(reader("a/m", *TEXT), call=call)
    fault = caught.value
    assert (fault.status, fault.code, fault.param) == (400, "input_not_supported", "messages[0].content[1]")
    assert fault.message == (
        "`messages[0].content[1]` holds an image, and the model `m` reads text only; leave it out, or ask a model that "
        "reads images"
    )
    assert (fleet.asked, call.attempts, call.reply_headers) == ([], [], {})


async def test_it_says_what_the_model_does_read() -> None:
    with pytest.raises(BadRequest, match="holds sound, and the model `m` reads text and image only"):
        await Fleet(a=[fine]).ask(reader("a/m", *EYES), call=asks(IMAGE, SOUND))


async def test_a_target_that_reads_it_is_asked_whatever_stands_first() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    await fleet.ask(reader("a/m", *TEXT), reader("b/m", *EYES), call=asks(IMAGE))
    await fleet.ask(reader("a/m", *TEXT), reader("b/m", *EYES), call=asks())
    assert fleet.asked == ["b/m", "a/m"]


async def test_one_that_reads_it_and_fails_is_not_made_good_by_one_that_does_not() -> None:
    fleet = Fleet(BRISK, a=[refusal(500), fine], b=[fine])
    await fleet.ask(reader("a/m", *EYES), reader("b/m", *TEXT), call=asks(IMAGE))
    assert fleet.asked == ["a/m", "a/m"]


async def test_the_route_may_name_a_model_that_reads_it() -> None:
    fleet = Fleet("routes: {m: {fallbacks: {not_expressible: [eyes]}}}", a=[fine], c=[fine])
    call = asks(IMAGE)
    call.judge = lambda call, name: [reader("c/eyes", *EYES, model=name)] if name == "eyes" else []
    await fleet.ask(reader("a/m", *TEXT), call=call)
    assert fleet.asked == ["c/eyes"]


@pytest.mark.parametrize("inputs", [(), EYES])
async def test_what_no_card_rules_out_is_sent(inputs: tuple[str, ...]) -> None:
    fleet = Fleet(a=[fine])
    await fleet.ask(reader("a/m", *inputs), call=asks(IMAGE))
    assert fleet.asked == ["a/m"]


async def test_it_is_told_even_while_the_target_rests() -> None:
    fleet = Fleet(BRISK + "ejection: {consecutive: 1}\n", a=[down])
    with pytest.raises(Exception, match="gone"):
        await fleet.ask(reader("a/m", *TEXT), call=asks())
    with pytest.raises(BadRequest, match="reads text only"):
        await fleet.ask(reader("a/m", *TEXT), call=asks(IMAGE))


async def test_what_an_upstream_can_never_do_is_asked_once_and_speaks_against_nobody() -> None:
    fleet = Fleet(BRISK + "ejection: {consecutive: 1}\n", a=[cannot])
    for _ in range(4):
        call = asks(IMAGE)
        with pytest.raises(UpstreamRefused, match="image input is not supported"):
            await fleet.ask(A, call=call)
        assert len(call.attempts) == 1
    assert fleet.asked == ["a/m"] * 4, "it is not left alone"
    assert fleet.router.targets()["a/m"].state == "closed"
    assert fleet.router.targets()["a/m"].failure_rate == 0


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (cannot, "upstream_input_unsupported"),
        # Its parser knows fewer kinds of tools and parts than others do.
        (lambda: refused(500, "Failed to parse tools: Unsupported tool type"), "upstream_bad_request"),
    ],
)
async def test_another_target_may_be_able_and_the_first_has_refused_not_failed(
    said: Callable[[], Said], code: str
) -> None:
    fleet = Fleet(BRISK, a=[said], b=[fine])
    call = await fleet.ask(A, B, call=asks(IMAGE))
    first, second = call.attempts
    assert (first.outcome, first.status, first.error_code) == ("refused", 400, code)
    assert (second.role, second.outcome) == ("fallback", "open")


@pytest.mark.parametrize("said", [cannot, lambda: refused(500, "Failed to parse tools: what is that")])
async def test_a_trial_that_is_refused_for_what_it_holds_shows_that_the_target_works(said: Callable[[], Said]) -> None:
    fleet = Fleet(BRISK + "ejection: {consecutive: 1, trials: 1}\n", a=[down, said])
    with pytest.raises(Exception, match="gone"):
        await fleet.ask(A, call=asks())
    fleet.clock.advance(60)
    with pytest.raises(UpstreamRefused):
        await fleet.ask(A, call=asks(IMAGE))
    assert fleet.router.targets()["a/m"].state == "closed"


async def test_while_the_one_that_reads_it_rests_nobody_is_told_to_leave_it_out() -> None:
    fleet = Fleet(BRISK + "ejection: {consecutive: 1}\n", a=[down], b=[fine])
    eyes, text = reader("a/m", *EYES), reader("b/m", *TEXT)
    with pytest.raises(UpstreamUnreachable):
        await fleet.ask(eyes, text, call=asks(IMAGE))
    with pytest.raises(UpstreamResting) as caught:
        await fleet.ask(eyes, text, call=asks(IMAGE))
    assert "retry-after" in caught.value.headers
    assert fleet.asked == ["a/m"]


async def test_limits_are_asked_for_the_target_that_gets_it() -> None:
    fleet, call = Fleet(a=[fine], b=[fine]), asks(IMAGE)
    call.model, call.permits = "m", (reader("a/m", *TEXT), reader("b/m", *EYES))
    chosen = fleet.router.choose(call)
    assert chosen is not None
    assert chosen.model.place == "b/m"


async def test_a_canary_that_does_not_read_it_has_no_part_in_it() -> None:
    canary = "canary: {target: b/m, since: '2027-01-15T08:00:00Z', steps: [1.0], step_s: 100}"
    fleet = Fleet(f"routes: {{m: {{targets: [{{target: a/m}}], {canary}}}}}", a=[fine], b=[fine])
    call = await fleet.ask(reader("a/m", *EYES), reader("b/m", *TEXT), call=asks(IMAGE))
    assert (call.record.variant, fleet.asked) == ("stable", ["a/m"])


async def test_a_request_is_looked_through_once_for_all_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, call = Fleet(BRISK, a=[fine]), asks(IMAGE)
    decoded: list[str] = []
    get = type(call.fields).get
    monkeypatch.setattr(type(call.fields), "get", lambda fields, name: decoded.append(name) or get(fields, name))
    with pytest.raises(BadRequest):
        await fleet.ask(*(reader(f"a/{name}", *TEXT) for name in "xyz"), call=call)
    assert decoded.count("messages") == 1
