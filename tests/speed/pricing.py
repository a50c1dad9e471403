"""`python -m tests.speed.pricing`: what pricing a call costs, and what the published prices cost a worker.

Figures of one core in one run. The bars: a call with two meters ≤ 8 µs once its model is remembered; the snapshot adds
≤ 50 ms to the start and ≤ 5 MB to a worker.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from gateway.catalogue.prices import PriceBook, Priced, PricesFile
from gateway.catalogue.prices.published import builtin, read_snapshot
from gateway.core.attempt import Terms
from gateway.core.usage import Usage
from tests.conftest import ROOT
from tests.speed.decisions import Figure, shown

USAGE, USUAL = Usage(input_tokens=1_200, output_tokens=345), Terms()
NOW = 1_795_000_000.0
SNAPSHOT = ROOT / "gateway" / "catalogue" / "prices" / "published.json"
# A process of its own, so that nothing else is in what it weighs.
_WEIGH = """
import os
from gateway.catalogue.prices import PriceBook, Priced, PricesFile, published
def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
names = {name: name for name in published.builtin().providers}
book = PriceBook(PricesFile(currency="USD"), "b", published.builtin(), names)
from gateway.core.usage import Usage
for provider, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-flash")):
    book.charges(Priced(provider=provider, model=model, usage=Usage(input_tokens=1), at_s=1.795e9))
print(resident() - before)
"""


def ask(book: PriceBook, provider: str = "openai", model: str = "gpt-4o-mini") -> object:
    return book.charges(
        Priced(
            provider=provider,
            model=model,
            served_model=model,
            usage=USAGE,
            terms=USUAL,
            at_s=NOW,
            duration_us=900_000,
            tenant="acme",
            team="blue",
        )
    )


def each(action: Callable[[], object], times: int) -> float:
    """Microseconds of this process's own time that an action takes, the best of five: others may use the core."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            action()
        best = min(best, (time.process_time() - began) / times)
    return best * 1e6


def figures(times: int) -> Iterator[Figure]:
    data = SNAPSHOT.read_bytes()
    yield Figure(
        "reading the published prices", each(lambda: read_snapshot(data), max(1, times // 1000)) / 1000, "ms", 50
    )
    names = {name: name for name in builtin().providers}
    book = PriceBook(PricesFile(currency="USD"), "book", builtin(), names)
    yield Figure("a call with two meters, its model remembered", each(lambda: ask(book), times), "µs", 8)
    for provider, model in (("openai", "gpt-4o-mini"), ("openrouter", "openai/gpt-5.2")):
        fresh = PriceBook(PricesFile(currency="USD"), "book", read_snapshot(data), names)
        began = time.process_time()
        ask(fresh, provider, model)
        yield Figure(
            f"the first call of {provider}, of which nothing is known yet", (time.process_time() - began) * 1e3, "ms"
        )
    weighed = subprocess.run([sys.executable, "-c", _WEIGH], capture_output=True, text=True, check=True, cwd=ROOT)
    yield Figure("memory of the published prices, three providers in use", int(weighed.stdout) / 2**20, "MB", 5)


def main() -> int:
    return shown(list(figures(100_000)))


if __name__ == "__main__":
    sys.exit(main())
