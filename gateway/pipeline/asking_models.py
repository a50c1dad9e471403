"""A model that judges, asked on a way of its own beside the call; its guard's own account pays for that."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.attempt import Attempt, judges_of
from gateway.core.call import Call, Service
from gateway.core.clock import Clock
from gateway.core.faults import NotConfigured, UpstreamBroken, UpstreamRefused
from gateway.core.target import Target
from gateway.dialects.openai.body import read_json
from gateway.dialects.openai.operations import OPERATIONS
from gateway.dialects.reading import answer_object, part, rows, words
from gateway.router.attempts import closed

_CHAT = next(one for one in OPERATIONS if one.name == "chat")
_encode = msgspec.json.Encoder().encode


def asking_models(
    providers: Mapping[str, Service], clock: Clock, max_tokens: int
) -> Callable[[Call, str, Target, Sequence[Mapping[str, Any]]], Awaitable[str]]:
    """Asks a target, in the words of chat completions, for a call and the guard of this id."""

    async def ask(call: Call, guard: str, target: Target, messages: Sequence[Mapping[str, Any]]) -> str:
        provider = providers.get(target.provider)
        if provider is None:
            raise NotConfigured(f"`{target.provider}` has no credential here")
        leg = call.leg()
        leg.operation, leg.headers, leg.target, leg.recalled = _CHAT, {}, target, None
        leg.model, leg.stream = target.model, False
        leg.fields = read_json(
            _encode({"model": target.model, "messages": messages, "max_tokens": max_tokens, "temperature": 0})
        )
        attempt = Attempt(
            n=len(call.attempts) + 1,
            role="judge",
            account=judges_of(guard),
            started_ns=clock.now_ns(),
            provider=target.provider,
            target=str(target),
        )
        call.attempts.append(attempt)
        status = 0
        try:
            reply = await provider(leg)
            status = reply.status
            if status != 200:
                raise UpstreamRefused("the guard's model was refused", status=status)
            if reply.stream is not None:
                raise UpstreamBroken("the guard's model answered by a stream")
            choices = rows(answer_object(reply.body), "choices")
            return words(part(choices[0], "message"), "content") if choices else ""
        finally:
            leg.close()
            outcome = "completed" if status == 200 else "failed"
            closed(attempt, leg.served, outcome, clock.now_ns(), status=status)

    return ask
