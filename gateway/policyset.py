"""The policy files as one set: loaded together, checked against each other, replaced together or not at all.

A file that does not validate leaves the last good set in force. The reason is logged once, shown in `/health/ready`,
and counted; nothing else happens, except that tenants and teams removed from a good tenants.yaml are gone all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.access.rules import AccessPolicy, read_access
from gateway.catalogue.prices import PriceBook, read_prices
from gateway.core.live import Live
from gateway.edge.operations import OPERATIONS
from gateway.identity.tenants import Tenants, read_tenants
from gateway.limits.rules import LimitPolicy, read_limits
from gateway.stores.documents import DocumentError, Known
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
    access, limits, prices = _readers(folder, _declared(tenants))
    return PolicySet(tenants, access(), limits(), prices())


def policy_problems(folder: Path) -> list[DocumentError]:
    """What is wrong, the first thing of each file."""
    found: list[DocumentError] = []
    declared: Known = {}
    try:
        declared = _declared(read_tenants(folder / "tenants.yaml"))
    except DocumentError as error:
        found.append(error)
    for read in _readers(folder, declared):
        try:
            read()
        except DocumentError as error:
            found.append(error)
    return found


def _readers(
    folder: Path, declared: Known
) -> tuple[Callable[[], AccessPolicy], Callable[[], LimitPolicy], Callable[[], PriceBook]]:
    """`declared`: the tenants and teams there are; without it, nobody's existence is checked."""
    operations = {"operations": {operation.name for operation in OPERATIONS}}
    return (
        lambda: read_access(folder / "access.yaml", {**declared, **operations}),
        lambda: read_limits(folder / "limits.yaml", declared),
        lambda: read_prices(folder / "prices.yaml"),
    )


def _declared(tenants: Tenants) -> Known:
    return {"tenants": {tenant.id for tenant in tenants.tenants}, "teams": {team for _, team in tenants.teams}}


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
            await self._failed(error)
        except Exception:  # noqa: BLE001  the border: a file that trips a bug must not end the watch over the others
            _log.exception("policies were not reloaded")
            await self._failed(DocumentError(str(self._folder), 0, "could not be read; the log holds the reason"))
        else:
            self.problem = None
            self.tenants.value, self.access.value = new.tenants, new.access
            self.limits.value, self.prices.value = new.limits, new.prices
            versions = ", ".join(f"{name} {getattr(new, name).version}" for name in PolicySet.__struct_fields__)
            _log.info("policies reloaded: %s", versions)
        self._reloaded(self.problem)

    async def _failed(self, error: DocumentError) -> None:
        """The last good set stays, but for who is declared: whom a reviewer removed is gone at once, whatever is wrong
        in another file."""
        self.problem = error
        _log.error("policies were not reloaded, the last good ones stay in force: %s", error)
        try:
            tenants = await asyncio.to_thread(read_tenants, self._folder / "tenants.yaml")
        except (DocumentError, OSError):
            return
        if tenants.version != self.tenants.value.version:
            self.tenants.value = tenants
            _log.warning("tenants.yaml itself is good and is in force: %s", tenants.version)
