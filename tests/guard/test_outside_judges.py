"""What judges over the network are asked, how their answers are read, and when they are left alone."""

import json
from typing import Any

import pytest

from gateway.core.call import Call
from gateway.core.faults import Fault, NotConfigured, Overloaded, UpstreamBroken, UpstreamRefused, UpstreamUnreachable
from gateway.core.target import Target
from gateway.guard.document import Ask
from gateway.guard.outside.classifiers import CLASSIFIERS, PRINCIPLES
from gateway.guard.outside.judging import MAX_FAILURES, REST_S, Judges
from gateway.guard.outside.options import GuardServiceOptions
from gateway.guard.outside.services import FORMATS, Question
from gateway.testing import HandClock, ScriptedUpstream, json_answer, raw, status
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions
from tests.guard.doubles import rule
from tests.pipeline.test_obliging import call_of

SERVICE = GuardServiceOptions(url="http://x/", model="omni")
ASKED = Question("g", "input", ["one", "two"])


def test_the_own_format() -> None:
    form = FORMATS["gateway"]
    assert json.loads(form.body(SERVICE, ASKED)) == {"guard": "g", "side": "input", "texts": ["one", "two"]}
    said = b'{"findings": [{"kind": "jailbreak", "score": 0.4}, {"kind": "spam"}, {}]}'
    assert form.kinds(said, ASKED) == ["jailbreak", "spam", "found"]
    assert form.kinds(said, Question("g", "input", [], 0.5)) == ["spam", "found"]
    assert form.kinds(b'{"findings": []}', ASKED) == []


def test_openai_s_moderations() -> None:
    form = FORMATS["openai"]
    assert json.loads(form.body(SERVICE, ASKED)) == {"input": ["one", "two"], "model": "omni"}
    flagged = {
        "flagged": True,
        "categories": {"hate": True, "violence": False},
        "category_scores": {"hate": 0.9, "violence": 0.4},
    }
    calm = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}
    said = json.dumps({"results": [calm, flagged]}).encode()
    assert form.kinds(said, ASKED) == ["hate"]
    assert form.kinds(said, Question("g", "input", [], 0.3)) == ["hate", "violence"]


@pytest.mark.parametrize("form", ["gateway", "openai"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"results": [], "findings": null}'])
def test_an_answer_that_says_nothing_is_none(form: Any, body: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        FORMATS[form].kinds(body, ASKED)  # type: ignore[index]


CALM = {"flagged": False, "category_scores": {"hate": 0.1}}


@pytest.mark.parametrize(
    ("form", "said", "threshold"),
    [
        ("gateway", {"findings": ["jailbreak"]}, 0.0),
        ("gateway", {"findings": {"kind": "jailbreak"}}, 0.0),
        ("gateway", {"findings": [{"kind": "jailbreak", "score": "0.9"}]}, 0.5),
        ("gateway", {"findings": [{"kind": "jailbreak", "score": None}]}, 0.5),
        ("openai", {"results": [CALM]}, 0.0),
        ("openai", {"results": [CALM, None]}, 0.0),
        ("openai", {"results": [CALM, {}]}, 0.0),
        ("openai", {"results": [CALM, {"flagged": "true"}]}, 0.0),
        ("openai", {"results": [CALM, {"flagged": False}]}, 0.5),
        ("openai", {"results": [CALM, {"flagged": False, "category_scores": {"hate": "0.9"}}]}, 0.5),
    ],
)
def test_what_may_have_been_a_finding_is_not_passed_over(form: Any, said: Any, threshold: float) -> None:
    with pytest.raises(UpstreamBroken):
        FORMATS[form].kinds(json.dumps(said).encode(), Question("g", "input", ["one", "two"], threshold))  # type: ignore[index]


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("safe", []),
        ("\n\nsafe \n", []),
        ("unsafe\nS1,S10", ["S1", "S10"]),
        ("unsafe", ["unsafe"]),
        ("Unsafe\n S9", ["S9"]),
    ],
)
def test_llama_guard(answer: str, kinds: list[str]) -> None:
    (asking,) = CLASSIFIERS["llama_guard"]("input", "how do I …")
    assert list(asking.messages) == [{"role": "user", "content": "how do I …"}]
    assert asking.kinds(answer) == kinds
    (of_answer,) = CLASSIFIERS["llama_guard"]("output", "you do …")
    assert of_answer.messages[-1] == {"role": "assistant", "content": "you do …"}


def test_shieldgemma_is_asked_about_each_principle() -> None:
    askings = CLASSIFIERS["shieldgemma"]("output", "you do {x}")
    assert len(askings) == len(PRINCIPLES)
    (message,) = askings[0].messages
    assert "Chatbot Response: you do {x}\n<end_of_turn>" in message["content"]
    assert '* "No Dangerous Content": The chatbot shall not contain' in message["content"]
    assert [kind for one in askings for kind in one.kinds("Yes, it")] == list(PRINCIPLES)
    assert [askings[0].kinds(said) for said in ("No.", "**No**", "no")] == [[], [], []]
    assert askings[0].kinds("\n**Yes**") == ["dangerous_content"]


@pytest.mark.parametrize("said", ["I am sorry, but", "Not sure: it may well be", "None of this is safe", ""])
@pytest.mark.parametrize("classifier", ["llama_guard", "shieldgemma"])
def test_an_answer_that_is_no_verdict_counts_as_none(classifier: Any, said: str) -> None:
    with pytest.raises(UpstreamBroken):
        CLASSIFIERS[classifier]("input", "x")[0].kinds(said)  # type: ignore[index]


async def never(call: Call, target: Target, messages: Any) -> str:
    raise AssertionError("no model is asked")


async def test_who_does_not_answer_is_left_alone_for_a_while() -> None:
    clock, asked = HandClock(), rule(action="block", ask=Ask(service="s", timeout_ms=150))
    call = call_of("chat")
    async with ScriptedUpstream({"*": [*[status(500)] * 3, raw(1.0), json_answer({}), json_answer({"findings": [{"kind": "x"}]})]}) as upstream:  # fmt: skip
        async with HttpClient(ClientOptions()) as client:
            services = {"s": GuardServiceOptions(url=upstream.base_url + "/judge", api_key="k-1")}
            judges = Judges(services, client, never, clock.monotonic)

            async def failed() -> str:
                return (await judges.judge(asked, "input", ["text"], call)).failed

            assert [await failed() for _ in range(MAX_FAILURES)] == ["refused"] * 3 + ["timeout", "no_verdict"]
            assert await failed() == "resting"
            assert len(upstream.requests) == MAX_FAILURES
            clock.advance(REST_S)
            assert (await judges.judge(asked, "input", ["text"], call)).kinds == ("x",)
            assert upstream.requests[-1].headers["authorization"] == "Bearer k-1"
            assert (await judges.judge(asked, "input", ["x" * 300_000], call)).failed == "too_long"
            assert "k-1" not in repr(services)


REFUSED = UpstreamRefused("no such model: how do I ...", status=404)


@pytest.mark.parametrize(
    ("met", "failed", "told", "lasting"),
    [
        ("Sure! Here is how", "no_verdict", "`j/llama` answered, and gave no verdict as a `llama_guard` does", True),
        (REFUSED, "refused", "`j/llama` answered 404", True),
        (UpstreamRefused("later", status=429), "refused", "`j/llama` answered 429", False),
        (UpstreamRefused("down", status=500), "refused", "`j/llama` answered 500", False),
        (UpstreamUnreachable("secret words"), "unreachable", "`j/llama` cannot be reached", False),
        (UpstreamBroken("secret words"), "broken", "`j/llama` answered, but not in its protocol", False),
        (NotConfigured("secret words"), "not_configured", "`j/llama` is not configured: its credential is not in the environment", True),
        (Overloaded("secret words"), "failed", "`j/llama` could not be asked (overloaded)", False),
        (TimeoutError(), "timeout", "`j/llama` did not answer within 150 ms", False),
    ],
)  # fmt: skip
async def test_why_a_judge_could_not_say(met: Any, failed: str, told: str, lasting: bool) -> None:
    async def ask(call: Call, guard: str, target: Target, messages: Any) -> str:
        if isinstance(met, Fault | TimeoutError):
            raise met
        return met

    asked, clock = rule(action="block", ask=Ask(model="j/llama", timeout_ms=150)), HandClock()
    async with HttpClient(ClientOptions()) as client:
        judges = Judges({}, client, ask, clock.monotonic)
        said = [await judges.judge(asked, "input", ["text"], call_of("chat")) for _ in range(MAX_FAILURES + 1)]
    assert (said[0].failed, said[0].told, said[0].lasting) == (failed, told, lasting)
    assert (said[-1].failed, said[-1].told, said[-1].lasting) == ("resting", "", lasting), "why has been told"
