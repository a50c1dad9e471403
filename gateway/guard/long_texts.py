"""Long texts are looked at beside the event loop: 400 kB of figures would keep all others waiting for half a second.

Beside it a look takes as long, and others' calls wait for milliseconds: a thread hands the interpreter on every five.
"""

import asyncio
from collections.abc import Sequence

from gateway.guard.first_look import FirstLook
from gateway.guard.looking import Hit, hits
from gateway.guard.rules import Rule

# Characters of a request up to which the loop looks itself, in a millisecond or two: a thread would take longer.
LONG = 32_768


class LongTexts:
    """Looks at one request after the other, so that however many come the loop has only one to share with."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def hits(
        self, rules: Sequence[Rule], texts: Sequence[str], first: FirstLook | None = None
    ) -> list[list[Hit]]:
        """What is found in each of them; whoever is cancelled meanwhile is not waited for. `first`: as `hits`."""
        if sum(map(len, texts)) <= LONG:
            return [hits(rules, text, first=first) for text in texts]
        async with self._turn:
            return await asyncio.to_thread(lambda: [hits(rules, text, first=first) for text in texts])
