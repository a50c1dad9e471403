"""What stands beside a draft that was tuned: where it comes from, what was tried, what is known. Plain data."""

import difflib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.compare.running.results import Judgement, Results
from gateway.compare.statistics.interval import Interval
from gateway.compare.tuning.tuner import Tuned, Tuning
from gateway.compare.tuning.workshop import Candidate

FORMAT = 1


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A version on some cases. `pass_rate`, `score`: with intervals; None: nothing was counted."""

    pass_rate: Interval | None
    score: Interval | None
    cost_per_thousand_nano: int | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`cases`: ids. `start`, `best`: on these cases. `judgement`: of the two, with its difference and its interval."""

    cases: tuple[str, ...]
    start: Measured | None = None
    best: Measured | None = None
    judgement: Judgement | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    digest: of the draft; a version that is published from it has the same.
    parent, parent_version, parent_digest: what it was made of; version 0 is a draft.
    suite, suite_digest: the cases: their file, and `sha256:…` of what they ask.
    shown: cases of which proposals were made; scored, held: see `Parts`.
    proven: whether the held-out cases call it better.
    model: what answered, as the prompt or the command line names it; reflect_model: what proposed; empty: nothing did.
    tried: candidates in order, with their means over the scored cases. refused: proposals that were none, by reason.
    ceiling_nano, spent_nano: in `currency`. calls, reflections: questions asked.
    diff: of the files, unified.
    """

    format: int = FORMAT
    made_at: str
    prompt: str
    digest: str
    parent: str
    parent_version: int
    parent_digest: str
    method: str
    seed: int
    rounds: int
    metric: str
    suite: str
    suite_digest: str
    shown: tuple[str, ...]
    scored: Part
    held: Part
    proven: bool
    ended: str
    stopped: str
    model: str
    reflect_model: str
    tried: tuple[Mapping[str, Any], ...]
    refused: Mapping[str, int]
    ceiling_nano: int | None
    spent_nano: int
    currency: str
    calls: int
    reflections: int
    diff: str


def evidence_of(tuned: Tuned, tuning: Tuning, start: Candidate, best: Candidate, made_at: str) -> Evidence:
    """`made_at`: ISO 8601."""
    return Evidence(
        made_at=made_at,
        prompt=start.arm.prompt,
        digest=best.digest,
        parent=start.arm.name,
        parent_version=start.arm.version,
        parent_digest=start.digest,
        method=tuning.method,
        seed=tuning.seed,
        rounds=tuning.rounds,
        metric=tuning.aims.metric,
        suite=Path(tuning.suite.file).name,
        suite_digest=tuning.suite.digest,
        shown=tuple(case.id for case in tuning.parts.shown),
        scored=_part(tuned.scored),
        held=_part(tuned.held),
        proven=tuned.proven,
        ended=tuned.ended,
        stopped=tuned.stopped,
        model=start.arm.model or start.prompt.model or "",
        reflect_model=tuning.reflect_model if tuned.reflections else "",
        tried=tuple(
            {"digest": one.candidate.digest, "how": one.candidate.how, "value": one.value} for one in tuned.tried
        ),
        refused=Counter(one.reason for one in tuned.refusals),
        ceiling_nano=tuning.ceiling_nano,
        spent_nano=tuned.spent_nano,
        currency=tuning.aims.currency,
        calls=tuned.calls,
        reflections=tuned.reflections,
        diff=diff_of(start, best),
    )


def _part(results: Results | None) -> Part:
    if results is None:
        return Part(cases=())
    start, best = (
        Measured(pass_rate=one.pass_rate, score=one.score, cost_per_thousand_nano=one.cost_per_thousand_nano)
        for one in results.summaries
    )
    cases = tuple(case.id for case in results.cases)
    return Part(cases=cases, start=start, best=best, judgement=results.judgements[0])


def diff_of(start: Candidate, best: Candidate) -> str:
    """Unified, of the two files."""
    before, after = (one.source.rstrip().splitlines(keepends=True) for one in (start, best))
    lines = difflib.unified_diff(before, after, start.arm.name, "draft")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def file_of(digest: str) -> str:
    """The file's name: a version that is published keeps the draft's digest, and is found by it."""
    return f"tuned-{digest.removeprefix('sha256:')[:12]}.json"
