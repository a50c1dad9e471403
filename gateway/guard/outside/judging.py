"""Asking judges over the network: in time or not at all, and not over and over where nobody answers.

state    event                        next
asking   MAX_FAILURES in a row        resting for REST_S: nobody is asked, which counts as a failure
asking   an answer                    asking, all is forgotten
resting  its time is over             asking
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gateway.core.call import Call
from gateway.core.faults import Fault, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.core.target import Target
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
# Asks a model behind the gateway, for a call that has to pay for it.
AskModel = Callable[[Call, Target, Messages], Awaitable[str]]


class Opinion(msgspec.Struct, frozen=True):
    """`kinds`: what was found. `failed`: why nobody could say; empty: somebody did."""

    kinds: tuple[str, ...] = ()
    failed: str = ""


class _Standing:
    __slots__ = ("failures", "until")

    def __init__(self) -> None:
        self.failures, self.until = 0, 0.0


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
            return Opinion(failed="too_long")
        standing = self._standings.setdefault(ask.service or ask.model, _Standing())
        if self._now() < standing.until:
            return Opinion(failed="resting")
        try:
            async with asyncio.timeout(ask.timeout_ms / 1000):
                kinds = await (self._of_service if ask.service else self._of_model)(rule, side, texts, call)
        except (Fault, TimeoutError) as fault:
            standing.failures += 1
            if standing.failures >= MAX_FAILURES:
                standing.failures, standing.until = 0, self._now() + REST_S
            return Opinion(failed="timeout" if isinstance(fault, TimeoutError | UpstreamTimeout) else "failed")
        standing.failures = 0
        return Opinion(tuple(dict.fromkeys(kinds)))

    async def _of_service(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> list[str]:  # noqa: ARG002
        ask = rule.guard.ask
        service = None if ask is None else self._services.get(ask.service)
        if ask is None or service is None:
            raise UpstreamUnreachable("config.yaml names no such service")
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
            raise UpstreamBroken(f"the guard's service answered {exchange.status}")
        return form.kinds(body, asked)

    async def _of_model(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> list[str]:
        ask = rule.guard.ask
        assert ask is not None, "asked for a rule that asks somebody"
        provider, _, model = ask.model.partition("/")
        askings = CLASSIFIERS[ask.classifier](side, "\n\n".join(texts))
        answers = await asyncio.gather(
            *(self._ask_model(call, Target(provider, model), one.messages) for one in askings)
        )
        return [kind for one, answer in zip(askings, answers, strict=True) for kind in one.kinds(answer)]
