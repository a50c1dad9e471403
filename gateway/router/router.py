"""The innermost Service: permitted target → provider."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.attempt import Attempt
from gateway.core.call import Call, Reply, Service
from gateway.core.clock import Clock
from gateway.core.faults import NotConfigured
from gateway.core.model import Permit
from gateway.providers.provider import Provider
from gateway.router.lifecycle import lifecycle_headers


def choose(permits: Sequence[Permit], configured: Mapping[str, object]) -> Permit | None:
    """The first permitted target whose provider is configured here; None if there is none."""
    for permit in permits:
        if permit.model.target.provider in configured:
            return permit
    return None


class Router:
    """`providers`: the configured ones; others are named by targets only."""

    def __init__(self, providers: Mapping[str, Service], clock: Clock) -> None:
        self.providers = providers
        self._now = clock.now
        self._now_ns = clock.now_ns

    def output_field(self, permits: Sequence[Permit]) -> str:
        """Where a chat completions request says how much it may produce, at the target it will go to."""
        permit = choose(permits, self.providers)
        provider = None if permit is None else self.providers[permit.model.target.provider]
        if permit is None or not isinstance(provider, Provider):
            return "max_completion_tokens"
        return provider.output_field(permit.model.target.model)

    def paced(self) -> dict[str, Mapping[str, Any]]:
        """What stands at the gates of every provider that has some, by its name."""
        found = ((name, provider) for name, provider in self.providers.items() if isinstance(provider, Provider))
        return {name: provider.pacer.view() for name, provider in found if provider.pacer is not None}

    async def __call__(self, call: Call) -> Reply:
        """Send the call to its target.

        Raises:
            NotConfigured: no provider of the permitted targets has a credential here.
        """
        permit = choose(call.permits, self.providers)
        if permit is None:
            raise NotConfigured(
                f"the model `{call.model}` is declared, but none of its providers has a credential here; "
                "an operator can set one",
                param="model",
            )
        model, record = permit.model, call.record
        call.target = model.target
        record.target = model.place
        call.attempts.append(
            Attempt(
                n=len(call.attempts) + 1,
                started_ns=self._now_ns(),
                provider=model.target.provider,
                target=model.place,
            )
        )
        record.rule_id = permit.decision.rule_id
        record.would_deny = " ".join(permit.decision.would_deny)
        headers = call.reply_headers
        headers["x-gateway-target"] = model.place
        if model.life.deprecated_from is not None:
            told = lifecycle_headers(model, self._now())
            if "x-gateway-warning" in told and (before := headers.get("x-gateway-warning")):
                told["x-gateway-warning"] = f"{before}; {told['x-gateway-warning']}"
            headers.update(told)
        return await self.providers[model.target.provider](call)
