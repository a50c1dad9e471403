"""Bad files of every kind: refused with a file, a line and a reason, or read; nothing else, and soon."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.access.cases import Names, read_cases
from gateway.access.loading import read_access
from gateway.cache.loading import read_cache
from gateway.cache.pairs import read_pairs
from gateway.catalogue.loading import build_catalogue, read_cards
from gateway.catalogue.prices import read_prices
from gateway.cli.schema import KINDS
from gateway.compare.cases import read_suite
from gateway.config import read_config, substitute
from gateway.guard.loading import read_guardrails
from gateway.identity.tenants import read_tenants
from gateway.limits.loading import read_limits
from gateway.prompts.locks import read_lock
from gateway.prompts.metadata import read_meta
from gateway.router.loading import read_routes
from gateway.stores.documents import DocumentError, load_document, read_text
from gateway.stores.yamltree import Unusual, build, build_plain
from tests.stores.fuzzing import GOOD, Case, cases, written

ENVIRONMENT = {"KEY": "k", "STATE": "state"}
NAMES = Names(
    teams={("demo", "a")}, data_classes=("public", "internal"), models=("m",), targets=("local/m",),
    operations=("chat", "responses"), rules=("r", "s"),
)  # fmt: skip
READERS: dict[str, Callable[[Path], object]] = {
    "config": lambda path: read_config(path, ENVIRONMENT),
    "access": read_access,
    "policy-test": lambda path: read_cases([read_text(path)], NAMES),
    "model": lambda path: build_catalogue(read_cards([read_text(path)])),
    "tenants": read_tenants,
    "guardrails": read_guardrails,
    "limits": read_limits,
    "prices": read_prices,
    "cache": read_cache,
    "cache-pairs": lambda path: read_pairs(read_text(path)),
    "routes": read_routes,
    "prompt": lambda path: read_meta("support/triage", read_text(path)),
    "prompt-versions": lambda path: read_lock(read_text(path)),
    "cases": read_suite,
}
NODES, TEXTS = 500, 250
SEED = 1


@contextmanager
def in_time(seconds: int, name: str) -> Iterator[None]:
    """The body ends in time, or fails where it is."""

    def late(*_: object) -> None:
        raise TimeoutError(f"{name} took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def value_of(kind: str, path: Path) -> object:
    return load_document(path, KINDS[kind].shape, lambda text: substitute(text, ENVIRONMENT)).value


def judged(kind: str, case: Case, folder: Path, good: object) -> str:
    """What is wrong with what became of the file; empty if nothing is."""
    path = written(folder, case)
    try:
        with in_time(5, case.name):
            READERS[kind](path)
    except DocumentError as error:
        if case.verdict == "same":
            return f"refused: {error}"
        if error.file != str(path) or not error.reason.strip():
            return f"no file or no reason: {error!r}"
        if not 0 <= error.line <= case.text.count(b"\n") + 2:
            return f"no such line: {error}"
        whole = ("is empty", "is not valid YAML", "is larger", "cannot be read")
        return "" if error.line or error.reason.startswith(whole) else f"no line: {error}"
    except Exception as error:  # noqa: BLE001  any other is what is looked for
        return f"{type(error).__name__}: {error}"
    if case.verdict == "refused":
        return "not refused"
    return "another value" if case.verdict == "same" and value_of(kind, path) != good else ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_way_reads_what_the_careful_one_reads(kind: str) -> None:
    quick = 0
    for case in cases(kind, SEED + 1, NODES, TEXTS):
        try:
            plain = build_plain(case.text)
        except Unusual:
            continue
        quick += 1
        assert build(case.text, "f")[0] == plain, case.name
    assert quick > 300


@pytest.mark.parametrize("kind", KINDS)
def test_bad_files_are_refused_with_line_and_reason(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD[kind])
    READERS[kind](path)
    good = value_of(kind, path)
    began = time.monotonic()
    made = list(cases(kind, SEED, NODES, TEXTS))
    wrong = {case.name: said for case in made if (said := judged(kind, case, tmp_path, good))}
    assert wrong == {}
    assert len(made) > 700
    assert time.monotonic() - began < 60, "a file is read in milliseconds"
