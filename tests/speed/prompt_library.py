"""`python -m tests.speed.prompt_library`: what a thousand prompts with ten versions each cost a process that serves.

Time of one core, the best of five: others may use the machine. The bars: they load in ≤ 1 s with nothing known before,
looking whether anything changed takes ≤ 2 % of a core at the pace that the feed sets itself, and finding the version for
a call takes ≤ 20 µs.
"""

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.prompts.digests import source_digest
from gateway.prompts.document import Published
from gateway.prompts.feed import POLL_S, SHARE
from gateway.prompts.library import visible_to
from gateway.prompts.loading import read_library
from gateway.prompts.locks import lock_line
from gateway.prompts.scanning import look
from gateway.prompts.versions import Partial, compile_prompt
from tests.speed.decisions import Figure, shown
from tests.speed.pricing import each
from tests.speed.prompts import FRONT, PARTIALS, SMALL

VERSIONS = 10
META = """owner: cx-platform@example.com
description: Route a customer message
tenants: [acme]
labels: {production: 9, staging: {9: 90, 10: 10}}
"""


def write_prompts(root: Path, count: int) -> None:
    """So many prompts with ten published versions each, in folders of twenty teams, with a partial that all share."""
    root.mkdir()
    texts = {name: text.encode() for name, text in PARTIALS.items()}
    for name, text in texts.items():
        (root / f"_{name}.prompt").write_bytes(text)
    partials = {name: Partial(name, "", text.decode(), source_digest(text)) for name, text in texts.items()}
    needed = {name: one.digest for name, one in partials.items()}
    for number in range(count):
        folder = root / f"team-{number % 20}" / f"prompt-{number}"
        folder.mkdir(parents=True)
        lines: list[str] = []
        for version in range(1, VERSIONS + 1):
            data = (
                f"{FRONT.replace('name: support/triage{}', 'variant: v{}').format(number)}{SMALL}{version}\n".encode()
            )
            (folder / f"{version}.prompt").write_bytes(data)
            _, digest = compile_prompt("", data, partials)
            entry = Published(
                digest=digest, at="2026-11-01T12:00:00Z", by="cli:ann", message=f"number {version}",
                source=source_digest(data), partials=needed,
            )  # fmt: skip
            lines.append(lock_line(version, entry))
        (folder / "versions.yaml").write_text("".join(lines))
        (folder / "prompt.yaml").write_text(META)


def figures(count: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "prompts"
        write_prompts(root, count)
        files = sum(map(len, look(root).folders.values()))
        what = f"{count:,} prompts of {VERSIONS} versions"
        yield Figure(f"{what}: loading them, nothing known before", ms(lambda: read_library(root)), "ms", 1000)
        library = read_library(root)
        assert (len(library.prompts), library.problems) == (count, [])
        cost = ms(lambda: look(root))
        yield Figure(f"looking whether any of {files:,} files changed", cost, "ms")
        wait_s = max(POLL_S, cost / 1000 / SHARE)
        yield Figure("  every so many seconds", wait_s, "s")
        yield Figure("  as a share of a core", cost / 10 / (wait_s + cost / 1000), "%", 2)
        changed = next(root.glob("*/*/prompt.yaml"))
        numbers = itertools.count()

        def change() -> None:
            changed.write_text(f"{META}# {next(numbers)}\n")
            read_library(root, library)

        yield Figure("reading again what changed of them: one file", ms(change), "ms")
        yield from _resolving(root)


def _resolving(root: Path) -> Iterator[Figure]:
    library = read_library(root)
    name = next(iter(library.prompts))
    visible, units = visible_to("acme", "cx"), itertools.count()
    one = each(lambda: library.resolve(name, visible=visible), 1000)
    yield Figure("finding the version of a label", one, "µs", 20)
    some = each(lambda: library.resolve(name, "staging", str(next(units)), visible=visible), 1000)
    yield Figure("finding the version of a label with weights", some, "µs", 20)


def ms(action: Callable[[], object]) -> float:
    return each(action, 1) / 1000


def main() -> int:
    return shown(list(figures(1000)))


if __name__ == "__main__":
    sys.exit(main())
