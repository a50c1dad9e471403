"""The seam, keys that never change, and credentials that expire.

    what is kept             get()
    nothing, or expired      waits for one fetch, whoever else waits for it too
    to be renewed            gives what is kept; one fetch runs in the background
    fresh                    gives what is kept

A fetch runs in a thread. In the background there is at most one in RETRY_S: one that fails, or brings what is old
already, is not repeated at once; what is kept stands until it expires.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from gateway.core.clock import Clock, SystemClock
from gateway.core.faults import Fault, NotConfigured, UpstreamUnreachable
from gateway.transport.url import Url

T = TypeVar("T")
RETRY_S = 5.0
# What is about to expire may do so on its way: it counts as expired this much earlier.
MARGIN_S = 30.0
FOREVER = float("inf")


class Authorizer(Protocol):
    async def headers(self, method: str, url: Url, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The headers to send besides `headers` (names in lower case).

        Raises:
            NotConfigured: there are no credentials, or they were refused.
            UpstreamUnreachable: whoever issues them could not be reached.
        """
        ...


class Bearer:
    """A key that is the whole credential: a Bedrock API key, say."""

    def __init__(self, key: str) -> None:
        self._headers = {"authorization": f"Bearer {key}"}

    async def headers(
        self,
        method: str,  # noqa: ARG002  the protocol's signature
        url: Url,  # noqa: ARG002
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return self._headers


class Kept(msgspec.Struct, Generic[T], frozen=True):
    """What was fetched. Unix seconds: after `renew_at` it is fetched anew in the background, after `expires_at` it is
    worth nothing."""

    value: T
    renew_at: float
    expires_at: float


class Renewing(Generic[T]):
    """Credentials that are fetched when first asked for, and again before they expire."""

    def __init__(self, fetch: Callable[[], Kept[T]], failed: Callable[[Exception], Fault], clock: Clock | None) -> None:
        """
        Args:
            fetch: blocks; runs in a thread, never twice at a time.
            failed: what its exception means.
        """
        self._fetch = fetch
        self._failed = failed
        self._clock = clock or SystemClock()
        self._kept: Kept[T] | None = None
        self._fetching: asyncio.Task[T] | None = None
        self._not_before = 0.0

    async def get(self) -> T:
        """What is kept, if it is still good; else what is fetched now.

        Raises:
            NotConfigured, UpstreamUnreachable: it could not be fetched.
        """
        kept, now = self._kept, self._clock.now()
        if kept is not None and now < kept.expires_at - MARGIN_S:
            if now >= kept.renew_at and now >= self._not_before:
                self._begin()
            return kept.value
        # Whoever waits may be cancelled; the fetch goes on for the others.
        return await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[T]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._run())
            self._fetching.add_done_callback(_look_at)
        return self._fetching

    async def _run(self) -> T:
        try:
            kept = await asyncio.to_thread(self._fetch)
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001  the border where the clouds' libraries' errors become faults
            raise self._failed(error) from None
        finally:
            self._not_before = self._clock.now() + RETRY_S
        self._kept = kept
        return kept.value


def _look_at(task: asyncio.Task[Any]) -> None:
    """A failure in the background is nobody's to await: the next that needs the credential finds it out."""
    if not task.cancelled():
        task.exception()


def load(module: str, extra: str) -> Any:
    """A module of an optional extra.

    Raises:
        NotConfigured: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise NotConfigured(
            f"the gateway lacks the extra `{extra}`, which signs requests to this provider; an operator can install it",
            code="extra_missing",
        ) from None


def refused_by(issuer: str, error: Exception, unreachable: tuple[type[BaseException], ...]) -> Fault:
    """The fault for a library's exception. Its own words may quote a secret: only its name is told."""
    name = type(error).__name__
    if isinstance(error, (OSError, *unreachable)):
        return UpstreamUnreachable(f"{issuer} could not be reached for credentials ({name})")
    return NotConfigured(f"{issuer} gave no credentials ({name}); an operator must see to it")
