"""What goes on beside calls, from when it is begun until everything ends."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any


def begin(stack: contextlib.AsyncExitStack, *tasks: Coroutine[Any, Any, None]) -> None:
    """Run these until the stack is left."""
    stack.push_async_callback(_cancel, [asyncio.create_task(task) for task in tasks])


async def _cancel(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
