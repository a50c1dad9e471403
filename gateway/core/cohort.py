"""Cohort scheduling: calls that come together take each step one right after another.

A call that goes through all of its steps at once finds the code and the tables of each driven out of the processor's
caches by those before it. Where several calls come in one turn of the event loop, each of them therefore lets the
others catch up before a step that is long: the first pays for fetching it, the rest find it there (Larus and Parkes,
"Using Cohort Scheduling to Enhance Server Performance", USENIX 2002). A call that comes alone has nothing of it, and
goes on at once.
"""

from collections.abc import Generator
from types import coroutine


@coroutine
def others_first() -> Generator[None, None, None]:
    """`if call.in_cohort: await others_first()`: everybody who is ready goes as far as he can, then we go on."""
    yield
