"""Asking judges over the network: in time or not at all, and not over and over where nobody answers.

state    event                        next
asking   MAX_FAILURES in a row        resting for REST_S: nobody is asked, which counts as a failure
asking   an answer                    asking, all is forgotten
resting  its time is over             asking
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.core.call import Call
from gateway.core.faults import (
    Fault,
    NotConfigured,
    UpstreamBroken,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gateway.core.target import Target
from gateway.guard.document import Ask
from gateway.guard.outside.classifiers import CLASSIFIERS, Messages
from gateway.guard.outside.options import GuardServiceOptions
from gateway.guard.outside.services import FORMATS, Question
from gateway.guard.rules import Rule
from gateway.guard.words import Side
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import parse_url

MAX_FAILURES = 5
REST_S = 10.0
# What is longer could hide anything in what nobody has looked at.
MAX_CHARACTERS = 200_000
# Asks a model behind the gateway, for a call and the guard of this id, whose account pays for it.
AskModel = Callable[[Call, str, Target, Messages], Awaitable[str]]


# Why nobody could say. A label of a metric: so many words and no more.
Failure = Literal[
    "", "timeout", "unreachable", "refused", "broken", "no_verdict", "not_configured", "failed", "too_long", "resting"
]
_LASTING: frozenset[Failure] = frozenset({"no_verdict", "not_configured", "too_long"})
_TRY_LATER = frozenset({408, 425, 429})


class Opinion(msgspec.Struct, frozen=True):
    """What a judge said.

    Attributes:
        kinds: what was found. failed: why nobody could say; empty: somebody did.
        told: the same as a sentence about the judge, for the log: none of its words, and none of the call's. Empty
            while it rests: why it does has been told.
        lasting: somebody has to mend something before a next try can do better.
    """

    kinds: tuple[str, ...] = ()
    failed: Failure = ""
    told: str = ""
    lasting: bool = False


class _NoVerdict(UpstreamBroken):
    """It answered in its protocol, and not what was asked."""


class _Standing:
    __slots__ = ("failures", "lasting", "until")

    def __init__(self) -> None:
        self.failures, self.until, self.lasting = 0, 0.0, False


class Judges:
    """All judges of one worker."""

    def __init__(
        self,
        services: Mapping[str, GuardServiceOptions],
        client: HttpClient,
        ask_model: AskModel,
        now: Callable[[], float],
    ) -> None:
        self._services = services
        self._client = client
        self._ask_model = ask_model
        self._now = now
        self._standings: dict[str, _Standing] = {}

    async def judge(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> Opinion:
        """What the rule's judge thinks of the texts. Never raises what the judge does wrong."""
        ask = rule.guard.ask
        if ask is None or not any(texts):
            return Opinion()
        if sum(map(len, texts)) > MAX_CHARACTERS:
            told = f"the texts have more than the {MAX_CHARACTERS:,} characters that a judge is shown"
            return Opinion(failed="too_long", told=told, lasting=True)
        standing = self._standings.setdefault(ask.service or ask.model, _Standing())
        if self._now() < standing.until:
            return Opinion(failed="resting", lasting=standing.lasting)
        try:
            async with asyncio.timeout(ask.timeout_ms / 1000):
                kinds = await (self._of_service if ask.service else self._of_model)(rule, side, texts, call)
        except (Fault, TimeoutError) as fault:
            opinion = _failed(fault, ask)
            standing.failures, standing.lasting = standing.failures + 1, opinion.lasting
            if standing.failures >= MAX_FAILURES:
                standing.failures, standing.until = 0, self._now() + REST_S
            return opinion
        standing.failures = 0
        return Opinion(tuple(dict.fromkeys(kinds)))

    async def _of_service(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> list[str]:  # noqa: ARG002
        ask = rule.guard.ask
        service = None if ask is None else self._services.get(ask.service)
        if ask is None or service is None:
            raise NotConfigured("config.yaml names no such service")
        asked = Question(rule.id, side, texts, ask.threshold)
        headers = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity"}
        if service.api_key:
            headers["authorization"] = f"Bearer {service.api_key}"
        seconds = ask.timeout_ms / 1000
        timeouts = Timeouts(connect_s=seconds, first_byte_s=seconds, idle_s=seconds, total_s=seconds)
        form = FORMATS[service.format]
        exchange = await self._client.send(parse_url(service.url), headers, form.body(service, asked), timeouts)
        try:
            body = await exchange.read()
        finally:
            exchange.close()
        if exchange.status != 200:
            raise UpstreamRefused("the guard's service refused", status=exchange.status)
        return _read(lambda: form.kinds(body, asked))

    async def _of_model(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> list[str]:
        ask = rule.guard.ask
        assert ask is not None, "asked for a rule that asks somebody"
        provider, _, model = ask.model.partition("/")
        askings = CLASSIFIERS[ask.classifier](side, "\n\n".join(texts))
        answers = await asyncio.gather(
            *(self._ask_model(call, rule.id, Target(provider, model), one.messages) for one in askings)
        )
        return _read(lambda: [kind for one, answer in zip(askings, answers, strict=True) for kind in one.kinds(answer)])


def _read(kinds: Callable[[], list[str]]) -> list[str]:
    """Raises:
    _NoVerdict: the answer, which came whole, is none.
    """
    try:
        return kinds()
    except UpstreamBroken as fault:
        raise _NoVerdict(fault.message) from None


def _failed(fault: Fault | TimeoutError, ask: Ask) -> Opinion:
    judge = f"`{ask.service or ask.model}`"
    match fault:
        case _NoVerdict():  # its words are ours, whatever was answered
            how = f" as a `{ask.classifier}` does" if ask.model else f": {fault.message}"
            failed, told = "no_verdict", f"{judge} answered, and gave no verdict{how}"
        case TimeoutError() | UpstreamTimeout():
            failed, told = "timeout", f"{judge} did not answer within {ask.timeout_ms} ms"
        case UpstreamUnreachable():
            failed, told = "unreachable", f"{judge} cannot be reached"
        case UpstreamRefused():
            failed, told = "refused", f"{judge} answered {fault.status}"
        case UpstreamBroken():
            failed, told = "broken", f"{judge} answered, but not in its protocol"
        case NotConfigured():
            failed, told = "not_configured", f"{judge} is not configured: its credential is not in the environment"
        case _:
            failed, told = "failed", f"{judge} could not be asked ({fault.code})"
    refused_for_good = failed == "refused" and isinstance(fault, UpstreamRefused) and _for_good(fault.status)
    return Opinion(failed=failed, told=told, lasting=failed in _LASTING or refused_for_good)


def _for_good(status: int) -> bool:
    return 400 <= status < 500 and status not in _TRY_LATER
