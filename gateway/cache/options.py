"""What config.yaml says about where replies are kept."""

from typing import Annotated, Any

import msgspec

from gateway.stores.documents import Document

# Besides the body: names, counts, the entry's place in the store.
OVERHEAD_BYTES = 1_024


class CacheOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept at all says policies/cache.yaml.

    Attributes:
        max_bytes: of memory for replies, in each worker.
        redis: replies are kept in what `redis:` names as well, for all workers of all replicas.
        max_entry_bytes: larger answers are not kept.
        timeout_ms: the longest that a call waits for Redis to say whether it has a reply.
        wait_s: the longest that a call waits for another one that asks the same; then it asks by itself.
        lease_ms: for so long one worker alone fetches an answer that takes its time, unless it says that it is still at
            it.
        prefix: of all keys in Redis; gateways with the same prefix share their replies.
    """

    max_bytes: Annotated[int, msgspec.Meta(ge=0)] = 64 * 1024 * 1024
    redis: bool = False
    max_entry_bytes: Annotated[int, msgspec.Meta(ge=1, le=256 * 1024 * 1024)] = 1024 * 1024
    timeout_ms: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 5.0
    wait_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    lease_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 3_000
    prefix: str = "gateway"


def check_cache(document: Document[Any], options: CacheOptions, redis: bool) -> None:
    """Whether `cache:` can be meant as it stands. `redis`: whether there is a `redis:`.

    Raises:
        DocumentError: with the line of what is wrong.
    """
    if options.redis and not redis:
        raise document.error(("cache", "redis"), "cache.redis needs `redis:`, which says where it is")
    if not options.prefix or any(letter in options.prefix for letter in "{}* "):
        raise document.error(("cache", "prefix"), "the prefix is a word without `{`, `}`, `*` or spaces")
