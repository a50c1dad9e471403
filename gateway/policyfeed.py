"""The policies in force: followed as their files change, kept as they were while a file is wrong.

A file that does not validate leaves the last good set in force. The reason is logged once, shown in `/admin/status`,
and counted; nothing else happens, except that tenants and teams removed from a good tenants.yaml are gone all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.access.signing import BUNDLE
from gateway.core.live import Live
from gateway.core.wiring import NO_WIRING, Wiring
from gateway.identity.tenants import Tenants, read_tenants
from gateway.policyset import FILES, FOLDERS, OPTIONAL, PolicySet, parse_policies, read_policies
from gateway.stores.documents import DocumentError, Text
from gateway.stores.files import fingerprint, write_private
from gateway.stores.folders import paths_of

_log = logging.getLogger("gateway.policies")
POLL_S = 0.2
Reloaded = Callable[[PolicySet, DocumentError | None], None]


class PolicyFeed:
    """`async with PolicyFeed(folder, reloaded) as feed`: each policy is a `Live` value that follows its file.

    All are assigned in one step of the event loop, so no call ever sees half of a new set. `reloaded` hears of the
    first set and of every attempt after it: the set in force, and None or what was wrong.

    `last_good`: where the parent keeps the set in force (`keep`). A worker that is started again while a file is wrong
    begins with that; without it, construction raises DocumentError: a gateway does not start without policies.
    `tells`: the log hears of changes; of all that follow the same files one does, others only tell on level `debug`.
    """

    def __init__(
        self,
        folder: Path,
        reloaded: Reloaded,
        wiring: Wiring = NO_WIRING,
        poll_s: float = POLL_S,
        last_good: Path | None = None,
        *,
        tells: bool = True,
    ) -> None:
        self._tells = tells
        self._folder = folder
        self._reloaded = reloaded
        self._wiring = wiring
        self._poll_s = poll_s
        # Seen first and read then: what changes in between is read again.
        self._seen = self._fingerprint()
        self.problem: DocumentError | None = None
        self.set = self._first(last_good)
        self._polling: asyncio.Task[None] | None = None
        self.tenants = Live(self.set.tenants)
        self.access = Live(self.set.access)
        self.catalogue = Live(self.set.catalogue)
        self.routes = Live(self.set.routes)
        self.guards = Live(self.set.guards)
        self.limits = Live(self.set.limits)
        self.prices = Live(self.set.prices)
        self.cache = Live(self.set.cache)

    def _first(self, last_good: Path | None) -> PolicySet:
        try:
            return read_policies(self._folder, self._wiring)
        except DocumentError as error:
            kept = None if last_good is None else _kept(last_good, self._folder, self._wiring)
            if kept is None:
                raise
            self.problem = error
            _log.error("begun with the last good policies, for these are wrong: %s", error)
            return msgspec.structs.replace(kept, tenants=self._still_declared(kept.tenants))

    async def __aenter__(self) -> Self:
        self._reloaded(self.set, self.problem)
        self._polling = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    def _fingerprint(self) -> object:
        paths = paths_of(self._folder, (*FILES, *OPTIONAL, BUNDLE), FOLDERS)
        return paths, fingerprint(paths)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            # A thousand cards are a thousand looks at the disk: not on the event loop.
            seen = await asyncio.to_thread(self._fingerprint)
            if seen != self._seen:
                # A file replaced while it is read changes the fingerprint again, and is read again.
                self._seen = seen
                await self._reload()

    async def _reload(self) -> None:
        try:
            new = await asyncio.to_thread(read_policies, self._folder, self._wiring)
        except DocumentError as error:
            await self._failed(error)
        except Exception:  # noqa: BLE001  the border: a file that trips a bug must not end the watch over the others
            _log.exception("policies were not reloaded")
            await self._failed(DocumentError(str(self._folder), 0, "could not be read; the log holds the reason"))
        else:
            self.problem = None
            self.set = new
            self.tenants.value, self.access.value, self.catalogue.value = new.tenants, new.access, new.catalogue
            self.limits.value, self.prices.value = new.limits, new.prices
            self.routes.value, self.guards.value, self.cache.value = new.routes, new.guards, new.cache
            versions = ", ".join(f"{name} {version}" for name, version in new.versions.items())
            self._tell(logging.INFO, "policies reloaded: %s", versions)
        self._reloaded(self.set, self.problem)

    async def _failed(self, error: DocumentError) -> None:
        """The last good set stays, but for who is declared: whom a reviewer removed is gone at once, whatever is wrong
        in another file. Where policies are signed, a file nobody vouches for removes nobody."""
        self.problem = error
        said = "policies were not reloaded, the last good ones stay in force: %s"
        self._tell(logging.ERROR, said, error)
        kept = await asyncio.to_thread(self._still_declared, self.tenants.value)
        if kept.teams != self.tenants.value.teams:
            self.tenants.value = kept
            self._tell(logging.WARNING, "who was removed from tenants.yaml is gone all the same")

    def _tell(self, level: int, said: str, *of: object) -> None:
        _log.log(level if self._tells else logging.DEBUG, said, *of)

    def _still_declared(self, tenants: Tenants) -> Tenants:
        if self._wiring.signers:
            return tenants
        try:
            return without(tenants, read_tenants(self._folder / "tenants.yaml"))
        except (DocumentError, OSError):
            return tenants


def keep(policies: PolicySet, path: Path) -> None:
    """Write the set down for workers that are started while a file is wrong."""
    write_private(path, msgspec.json.encode(dict(policies.files)))


def _kept(path: Path, folder: Path, wiring: Wiring) -> PolicySet | None:
    try:
        files = msgspec.json.decode(path.read_bytes(), type=dict[str, bytes])
        return parse_policies({name: Text(str(folder / name), data) for name, data in files.items()}, wiring)
    except (OSError, msgspec.MsgspecError, DocumentError):
        return None


def without(tenants: Tenants, newer: Tenants) -> Tenants:
    """The tenants as they were, less the teams that the newer file does not declare."""
    return msgspec.structs.replace(tenants, teams=tenants.teams & newer.teams)
