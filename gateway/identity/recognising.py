"""All ways in which callers are recognised, as config.yaml declares them."""

import contextlib
from collections.abc import AsyncGenerator, Callable

from gateway.core.clock import Clock
from gateway.core.live import Live
from gateway.identity.callers import Callers, Others, any_of
from gateway.identity.certificates import ClientCertificates
from gateway.identity.keys import KeySnapshot
from gateway.identity.options import IdentityOptions
from gateway.identity.tenants import Tenants
from gateway.identity.tokens import Tokens
from gateway.transport.client import HttpClient


@contextlib.asynccontextmanager
async def recognising(
    options: IdentityOptions,
    keys: Live[KeySnapshot],
    tenants: Live[Tenants],
    client: HttpClient,
    clock: Clock,
    refused: Callable[[str], None],
) -> AsyncGenerator[tuple[Callers, Tokens | None]]:
    """Who recognises callers, and the tokens' part of it, if issuers are declared, for those who operate the gateway.

    Args:
        refused: hears why, for every token that is refused.

    Raises:
        MissingOidc: issuers are declared, but what verifies their tokens is not installed.
    """
    others: list[Others] = []
    async with contextlib.AsyncExitStack() as stack:
        tokens = None
        if options.issuers:
            tokens = await stack.enter_async_context(Tokens(options.issuers, client, clock, tenants, refused))
            others.append(tokens.known)
        if options.client_certificates is not None:
            others.append(ClientCertificates(options.client_certificates, tenants).known)
        yield Callers(keys, tenants, any_of(others)), tokens
