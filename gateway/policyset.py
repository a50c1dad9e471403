"""The policy files as one set: loaded together, checked against each other, replaced together or not at all.

A file that does not validate leaves the last good set in force. The reason is logged once, shown in `/health/ready`,
and counted; nothing else happens.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.access.rules import AccessPolicy, read_access
from gateway.catalogue.prices import PriceBook, read_prices
from gateway.core.globs import is_glob
from gateway.core.live import Live
from gateway.identity.tenants import Tenants, read_tenants
from gateway.limits.rules import LimitPolicy, read_limits
from gateway.stores.documents import DocumentError
from gateway.stores.files import fingerprint

_log = logging.getLogger("gateway.policies")
FILES = ("tenants.yaml", "access.yaml", "limits.yaml", "prices.yaml")
POLL_S = 0.3


class PolicySet(msgspec.Struct, frozen=True):
    """All policies, as they were at one moment."""

    tenants: Tenants
    access: AccessPolicy
    limits: LimitPolicy
    prices: PriceBook


def read_policies(folder: Path) -> PolicySet:
    """The whole set.

    Raises:
        DocumentError: the first file that is wrong, or two that do not fit together.
    """
    tenants = read_tenants(folder / "tenants.yaml")
    access = read_access(folder / "access.yaml")
    limits = read_limits(folder / "limits.yaml")
    prices = read_prices(folder / "prices.yaml")
    known_tenants = {tenant.id for tenant in tenants.tenants}
    known_teams = {team for _, team in tenants.teams}
    for rule in access.rules:
        file, where = str(folder / "access.yaml"), f"the rule `{rule.id}`"
        _check_declared(file, where, "tenant", rule.tenants, known_tenants)
        _check_declared(file, where, "team", rule.teams, known_teams)
    for limit in limits.limits:
        file, where = str(folder / "limits.yaml"), f"the limit `{limit.id}`"
        _check_declared(file, where, "tenant", limit.match.tenants, known_tenants)
        _check_declared(file, where, "team", limit.match.teams, known_teams)
    return PolicySet(tenants, access, limits, prices)


def _check_declared(file: str, where: str, kind: str, words: Iterable[str] | None, known: set[str]) -> None:
    """A rule about somebody who does not exist can never match; it is a slip of the pen, not a rule."""
    for word in words or ():
        if not is_glob(word) and word not in known:
            raise DocumentError(file, 0, f"{where} names the {kind} `{word}`, which tenants.yaml does not declare")


class PolicyFeed:
    """`async with PolicyFeed(folder, reloaded) as feed`: each policy is a `Live` value that follows its file.

    All are assigned in one step of the event loop, so no call ever sees half of a new set. `reloaded` hears of every
    attempt: None, or what was wrong.

    Raises (on entry): DocumentError. A gateway does not start without policies.
    """

    def __init__(self, folder: Path, reloaded: Callable[[DocumentError | None], None], poll_s: float = POLL_S) -> None:
        self._folder = folder
        self._files = [folder / name for name in FILES]
        self._reloaded = reloaded
        self._poll_s = poll_s
        first = read_policies(folder)
        self._seen = fingerprint(self._files)
        self._polling: asyncio.Task[None] | None = None
        self.tenants = Live(first.tenants)
        self.access = Live(first.access)
        self.limits = Live(first.limits)
        self.prices = Live(first.prices)
        self.problem: DocumentError | None = None

    async def __aenter__(self) -> Self:
        self._polling = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            seen = fingerprint(self._files)
            if seen != self._seen:
                # A file replaced while it is read changes the fingerprint again, and is read again.
                self._seen = seen
                await self._reload()

    async def _reload(self) -> None:
        try:
            new = await asyncio.to_thread(read_policies, self._folder)
        except DocumentError as error:
            self.problem = error
            _log.error("policies were not reloaded, the last good ones stay in force: %s", error)
        else:
            self.problem = None
            self.tenants.value, self.access.value = new.tenants, new.access
            self.limits.value, self.prices.value = new.limits, new.prices
            _log.info("policies reloaded: access %s, limits %s", new.access.version, new.limits.version)
        self._reloaded(self.problem)
