"""Cases as they are run: everything put in, everything understood."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.compare.cases.document import Calibration, Human
from gateway.compare.grading.checks import Check
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.sample import Sample

NEVER_BREAK = "never-break"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    Attributes:
        id: where it stands in its file, such as `tests[3]`, or `tests[3].2` of several out of one test.
        checks: what the answer must be; of what promptfoo calls select-best, what answers are compared by.
        severity: `never-break`, or empty. source: the group that it belongs to; empty: a group of its own.
        output: an answer to grade instead of asking for one.
        line: in the file.
        digest: `sha256:…` of what it asks and expects; its description, tags and labels are no part of it.
    """

    id: str
    description: str = ""
    vars: Mapping[str, Any] = {}
    messages: tuple[Mapping[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    threshold: float | None = None
    repeat: int = 1
    metadata: Mapping[str, Any] = {}
    severity: str = ""
    source: str = ""
    human: Human | None = None
    output: Sample | None = None
    line: int = 0
    digest: str = ""

    @property
    def never_break(self) -> bool:
        return self.severity == NEVER_BREAK

    @property
    def at_once(self) -> bool:
        """Nobody needs to be asked for its grades, and it can be graded without other answers beside it."""
        return all(check.at_once for check in self.checks)


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one file.

    Attributes:
        metric, margin, limits: see SuiteFile. calibrated: of judges, by name.
        cost_ceiling_nano: in nano-units of the price book's currency.
        digest: `sha256:…` of the cases' digests, in their order.
        file: as errors name it.
    """

    file: str
    description: str = ""
    cases: tuple[Case, ...] = ()
    metric: str = "pass"
    margin: float | None = None
    limits: Mapping[str, float] = {}
    calibrated: Mapping[str, Calibration] = {}
    cost_ceiling_nano: int | None = None
    judges: Mapping[str, Judge] = {}
    digest: str = ""
