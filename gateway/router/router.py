"""The innermost Service: alias → target → provider."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.call import Call, Reply, Service
from gateway.core.faults import NotConfigured, NotFound
from gateway.core.target import Target


class Alias(msgspec.Struct, frozen=True):
    """A name callers use, and where it may go, best first."""

    name: str
    targets: tuple[Target, ...]


def choose(targets: Sequence[Target], configured: Mapping[str, object]) -> Target | None:
    """The first target whose provider is configured here; None if there is none."""
    for target in targets:
        if target.provider in configured:
            return target
    return None


class Router:
    """Attributes:
    aliases: every name callers may ask for. providers: the configured ones; others are named by targets only.
    """

    def __init__(self, aliases: Mapping[str, Alias], providers: Mapping[str, Service]) -> None:
        self.aliases = aliases
        self.providers = providers

    def known(self, model: str) -> bool:
        return model in self.aliases

    def target_of(self, model: str) -> Target | None:
        alias = self.aliases.get(model)
        return None if alias is None else choose(alias.targets, self.providers)

    async def __call__(self, call: Call) -> Reply:
        """Send the call to its target.

        Raises:
            NotFound: no such alias. NotConfigured: no provider of its targets has a credential here.
        """
        alias = self.aliases.get(call.model)
        if alias is None:
            raise NotFound(
                f"the model `{call.model}` does not exist; GET /v1/models lists those you may use",
                code="model_not_found",
                param="model",
            )
        target = choose(alias.targets, self.providers)
        if target is None:
            raise NotConfigured(
                f"the model `{call.model}` is declared, but none of its providers has a credential here; "
                "an operator can set one",
                param="model",
            )
        call.target = target
        call.record.target = str(target)
        call.reply_headers["x-gateway-target"] = str(target)
        return await self.providers[target.provider](call)
