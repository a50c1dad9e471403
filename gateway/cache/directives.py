"""What a caller wants of the cache: the request's `cache-control` (RFC 9111, 5.2.1)."""

import re
from functools import lru_cache

import msgspec

_SECONDS = re.compile(r"\"?(\d{1,9})\"?")


class Wanted(msgspec.Struct, frozen=True):
    """Attributes:
    fresh: `no-cache`: an answer made now; it is kept for others. private: `no-store`: neither given nor kept.
    max_age_s: an answer no older than this. only_kept: `only-if-cached`: a kept answer or none.
    """

    fresh: bool = False
    private: bool = False
    max_age_s: int | None = None
    only_kept: bool = False


NOTHING_WANTED = Wanted()


def wanted(header: bytes | None) -> Wanted:
    """What the header says. What is not known in it, or makes no sense, says nothing."""
    return NOTHING_WANTED if not header else _read(header[:1_024])


@lru_cache(maxsize=256)
def _read(header: bytes) -> Wanted:
    said: dict[str, str] = {}
    for part in header.decode("latin-1").split(","):
        name, _, value = part.partition("=")
        said.setdefault(name.strip().lower(), value.strip())
    age = _SECONDS.fullmatch(said.get("max-age", ""))
    return Wanted(
        fresh="no-cache" in said,
        private="no-store" in said,
        max_age_s=int(age[1]) if age else None,
        only_kept="only-if-cached" in said,
    )
