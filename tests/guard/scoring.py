"""Cases of detectors, and how many of them come out right."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateway.guard.detectors import DETECTORS
from gateway.guard.words import Detector

CASES = Path(__file__).parent / "cases"
DENIED = ("project nightjar", "bluebird", "acme-internal", *(f"codename{number}" for number in range(47)))
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "secrets": {},
    "personal_data": {"regions": ["US", "DE", "GB", "FR"]},
    "prompt_injection": {},
    "urls": {"hosts": ["example.com", "*.example.com", "docs.acme.io"]},
    "deny": {"words": DENIED},
}
SCORED = ("secrets", "personal_data", "prompt_injection", "urls")


@dataclass
class Score:
    """`right`: found and to be found. `extra`: found, not to be found. `missed`: to be found, not found."""

    right: int = 0
    extra: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.extra) if self.right + self.extra else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def build(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """As a policy would have it built."""
    known = DETECTORS[name]
    return known.build(msgspec.convert(OPTIONS[name] if options is None else options, known.options))


def cases(name: str, held_out: bool) -> Iterator[dict[str, Any]]:
    with (CASES / f"{name}{'_held_out' * held_out}.jsonl").open() as lines:
        yield from map(json.loads, lines)


def score(name: str, held_out: bool) -> Mapping[str, Score]:
    """By kind; `""`: all together."""
    detector, scores = build(name), defaultdict[str, Score](Score)
    for case in cases(name, held_out):
        text = case["text"]
        spans = detector.find(text)
        if "found" in case:
            wanted, got = (
                {(name, "")} if case["found"] else set[tuple[str, str]](),
                {(name, "")} if spans else set[tuple[str, str]](),
            )
        else:
            wanted, got = (
                {(kind, part) for kind, part in case["find"]},
                {(span.kind, text[span.start : span.end]) for span in spans},
            )
        for one in wanted | got:
            for counted in (scores[""], scores[one[0]]):
                counted.right += one in wanted & got
                counted.extra += one in got - wanted
                counted.missed += one in wanted - got
    return scores


def grows_with_the_text(detector: Detector, unit: str, length: int) -> bool:
    """Whether a look at ten times the text takes twenty times as long at most. Of looks in this process's own time, the
    best of three."""

    def cost(length: int) -> float:
        text, best = unit * (length // len(unit)), float("inf")
        for _ in range(3):
            began = time.process_time()
            detector.find(text)
            detector.open_from(text)
            best = min(best, time.process_time() - began)
        return best

    return cost(10 * length) < 20 * max(cost(length), 0.0005)
