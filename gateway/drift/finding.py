"""What drift is reported as."""

from typing import Literal

import msgspec

from gateway.stores.yamltree import Path_, build

Kind = Literal[
    "rule_over",
    "rule_names_nothing",
    "rule_matches_nothing",
    "rule_shadowed",
    "rule_wide_open",
    "exception_over",
    "exception_ends_soon",
    "exception_lifts_nothing",
    "card_over",
    "card_ends_soon",
    "card_incomplete",
    "target_without_price",
    "route_without_card",
    "route_refused",
    "judge_without_card",
    "raise_over",
    "webhook_without_secret",
    "experiment_without_metric",
    "secret_in_plain",
    "variable_unset",
]
DAY_S = 86_400


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A warning: where it stands, why, and what to do. `line` counts from 1; 0 means the file as a whole."""

    kind: Kind
    file: str
    line: int
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: warning: {self.reason}; {self.remedy}"


class Page:
    """A file in which findings stand; its lines are looked up once, and only if there is one."""

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self._data = data
        self._at = None

    def finding(self, kind: Kind, path: Path_, reason: str, remedy: str) -> Finding:
        """A finding about the value at `path`."""
        if self._at is None:
            self._at = build(self._data, self.file)[1].at
        return Finding(kind=kind, file=self.file, line=self._at(path), reason=reason, remedy=remedy)


def days_until(unix_s: float, now: float) -> str:
    """`today`, `tomorrow`, `in 3 days`: when the last day before a moment is."""
    left = int((unix_s - 1) // DAY_S - now // DAY_S)
    return {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
