"""`python -m tests.speed.guards`: how well the detectors find, and what looking costs.

Precision and recall by detector and kind, of the cases that the patterns were tuned with and of those that were held out
(tests/guard/cases). Then microseconds of 4 KB, in the process's own time. The bar: secrets, personal data, injected
orders, addresses and fifty denied words together ≤ 300 µs for 4 KB in which there is nothing to find, and for an event
of a stream.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.guard.detectors import LeakDetector
from gateway.guard.document import Guard
from gateway.guard.rules import Rule
from gateway.guard.streaming import StreamGuard
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from gateway.guard.words import Detector
from tests.conftest import ROOT
from tests.guard.samples import PROSE
from tests.guard.scoring import OPTIONS, SCORED, build, cases, score
from tests.speed.decisions import Figure, shown
from tests.speed.pricing import each

SIZE = 4096
BAR_US = 300
# Shown and not judged: full of findings, and of what looks like telephone numbers in one of four countries.
BESIDE = ("findings", "a server's log", "figures in columns")


def _sized(text: str) -> str:
    return (text * (SIZE // len(text) + 1))[:SIZE]


def texts() -> dict[str, str]:
    """What is looked at: as applications send it, and once full of findings."""
    rows = [
        {"id": f"ord_{n}", "at": 1_790_000_000 + n, "total": n * 17 / 4, "paid": n % 2 == 0, "name": f"item {n}"}
        for n in range(60)
    ]
    chance = random.Random(2)
    log = "\n".join(
        f"203.0.113.{chance.randint(1, 254)} - - [27/Nov/2026:10:{chance.randint(10, 59)}:{chance.randint(10, 59)} +0000] "
        f'"GET /items/{chance.randint(1, 9999)} HTTP/1.1" 200 {chance.randint(100, 99_999)}'
        for _ in range(60)
    )
    found = [case["text"] for name in ("secrets", "personal_data") for case in cases(name, False) if case["find"]]
    return {
        "clean prose": _sized(PROSE["English"]),
        "clean prose, Russian": _sized(PROSE["Russian"]),
        "code": (ROOT / "gateway" / "guard" / "detectors" / "matching.py").read_text()[:SIZE],
        "JSON": json.dumps(rows)[:SIZE],
        "a server's log": log[:SIZE],
        "figures in columns": " ".join(f"{chance.gauss(0, 1):.6f}" for _ in range(SIZE))[:SIZE],
        "findings": "\n".join(found)[-SIZE:],
    }


def figures(times: int) -> Iterator[Figure]:
    detectors = {name: build(name) for name in OPTIONS}
    for what, text in texts().items():
        total = 0.0
        for name, detector in detectors.items():
            cost = each(lambda one=detector, looked=text: one.find(looked), times)
            total += cost
            yield Figure(f"{what}: {name}", cost, "µs")
        yield Figure(f"{what}: all five", total, "µs", None if what in BESIDE else BAR_US)
    prose = texts()["clean prose"]
    held = sum(each(lambda one=detector: one.open_from(prose), times) for detector in detectors.values())
    yield Figure("clean prose: what is held back of a stream, all five", held, "µs")
    yield Figure("an event of a stream: secrets, personal data", _event_us(detectors, times), "µs")
    yield Figure("an event of a stream, in words not said before", _new_words_us(detectors), "µs", BAR_US)
    yield from _others(times, prose)


def _streams(detectors: Mapping[str, Detector], words: Sequence[str]) -> Callable[[], None]:
    """A stream of chat completions, a word each."""
    guard = Guard(id="g", on=("output",), action="redact")
    rules = (Rule(guard, (detectors["secrets"], detectors["personal_data"]), ()),)
    chunks = [{"choices": [{"index": 0, "delta": {"content": f" {word}"}}]} for word in words]
    events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]

    def stream() -> None:
        looked = StreamGuard(Looking(rules, Vault(), lambda _: None))
        for event in events:
            looked.feed(event)
        looked.end()

    return stream


def _event_us(detectors: Mapping[str, Detector], times: int) -> float:
    words = PROSE["English"].split()
    return each(_streams(detectors, words), max(1, times // 10)) / len(words)


def _new_words_us(detectors: Mapping[str, Detector]) -> float:
    """Automata build their states as they read: what is quick the second time need not be so the first."""
    chance, letters = random.Random(1), "etaoinshrdlu" * 3 + "cmfwypvbgkqjxz_-.,E0"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 12))) for _ in range(2000)]
    stream = _streams(detectors, words)
    began = time.process_time()
    stream()
    return (time.process_time() - began) / len(words) * 1e6


def _others(times: int, prose: str) -> Iterator[Figure]:
    leak = build("leak", {})
    assert isinstance(leak, LeakDetector)
    of_call: Detector = leak.of(prose)
    few = max(1, times // 10)
    answer = json.dumps({"text": prose})
    yield Figure("leak: made for a call with a system prompt of 4 KB", each(lambda: leak.of(prose), few), "µs")
    yield Figure("leak: an answer of 4 KB", each(lambda: of_call.find(prose), few), "µs")
    schema = build("json_schema", {"schema": {"type": "object", "required": ["text"]}})
    yield Figure("json_schema: an answer of 4 KB", each(lambda: schema.find(answer), few), "µs")
    language = build("language", {"allowed": ["en"]})
    yield Figure("language: 4 KB", each(lambda: language.find(prose), few), "µs")


def print_scores() -> None:
    print(f"{'':40} {'cases':>26}   {'held out':>26}")
    for name in SCORED:
        tuned, held_out = score(name, held_out=False), score(name, held_out=True)
        for kind in sorted(tuned.keys() | held_out.keys()):
            if kind == name:
                continue
            said = [
                f"P {one.precision:.3f}  R {one.recall:.3f}  n {one.right + one.missed:3}"
                if (one := scores.get(kind))
                else ""
                for scores in (tuned, held_out)
            ]
            print(f"{name + (f': {kind}' if kind else ''):40} {said[0]:>26}   {said[1]:>26}")


def main() -> int:
    print_scores()
    return shown(list(figures(500)))


if __name__ == "__main__":
    sys.exit(main())
