"""The impact of a proposed policy in words and tables for people, and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.impact import Cause, Change, Group, Impact, Sums
from gateway.cli.output import print_table, printable
from gateway.core.days import written
from gateway.core.money import decimal_text
from gateway.identity.keystore import KeyInfo

MAX_ROWS = 40
MAX_WHY = 20
# What each change is called, and the heading of what is told of it.
CHANGES: Mapping[Change, tuple[str, str]] = {
    "refused": ("newly refused", "before → after"),
    "allowed": ("newly allowed", "before → after"),
    "watched": ("newly watched by rules in audit mode", "rules that would refuse it"),
    "obliged": ("newly held to something", "to what"),
    "moved": ("may go to other targets", "targets before → after"),
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An impact and what belongs to it.

    Attributes:
        period: in words; since, until: its ends, ISO. at: the moment that both policies were asked as of.
        before, after: digests of the policies. keys: those of the groups' keys that are known.
        elapsed_s: how long it took to read and decide.
    """

    impact: Impact
    period: str
    since: str
    until: str | None
    at: str
    before: str
    after: str
    keys: Mapping[str, KeyInfo]
    elapsed_s: float


def summary(told: Told) -> str:
    """One line."""
    impact = told.impact
    looked = impact.looked_at
    if not looked.calls:
        return f"no calls {told.period}"
    took = f"{_many(looked.calls)} calls ({looked.inputs:,} different ones) decided again in {told.elapsed_s:.1f} s"
    refused, allowed = impact.newly_refused.calls, impact.newly_allowed.calls
    if not refused and not allowed:
        return f"no call {told.period} would be newly refused or newly allowed; {took}"
    whose = f"{impact.teams_changed:,} of {impact.teams:,} teams' calls change"
    share = f"{refused:,} calls ({_percent(refused, looked.calls)})" if refused else "no calls"
    return f"{whose}: {share} {told.period} would be newly refused, {allowed:,} newly allowed; {took}"


def besides(told: Told) -> list[str]:
    """What else there is to say, a sentence each."""
    impact = told.impact
    said = [
        (impact.watched.calls, "would be newly watched by rules in audit mode"),
        (impact.obliged.calls, "would be newly held to an obligation that bites"),
        (impact.moved.calls, "may go to other targets than now"),
        (impact.undecidable.calls, "cannot be decided: their records do not say enough"),
        (impact.looked_at.recorded, "were refused by policy at the time"),
    ]
    return [f"{calls:,} calls {what}" for calls, what in said if calls]


def print_impact(told: Told) -> None:
    print(summary(told))
    for sentence in besides(told):
        print(f"  {sentence}")
    for change, (name, heading) in CHANGES.items():
        if groups := told.impact.of(change):
            print(f"\n{name}")
            print_table(*_table(groups[:MAX_ROWS], heading, told.keys))
            if len(groups) > MAX_ROWS:
                print(f"and {len(groups) - MAX_ROWS} more; --json has them all")
    if why := reasons(told.impact):
        print("\nwhy")
        for cause, reason in why[:MAX_WHY]:
            print(f"  {printable(cause)}: {printable(reason)}")
    if told.impact.undecidables:
        print("\nnot decidable")
        rows = [[*map(printable, (one.tenant, one.team, str(one.sums.calls), one.reason))]
                for one in told.impact.undecidables[:MAX_ROWS]]  # fmt: skip
        print_table(["tenant", "team", "calls", "reason"], rows)


def reasons(impact: Impact) -> list[tuple[str, str]]:
    """Why calls are newly refused, and what they were allowed by; why others were refused, and what allows them: what
    decided, and its reason."""
    said: dict[tuple[str, str], None] = {}
    for group in impact.groups:
        if group.change in ("refused", "allowed"):
            for cause, words in ((group.before, group.reasons_before), (group.after, group.reasons_after)):
                said.update(((cause.words, text), None) for text in words)
    return list(said)


def _table(groups: Sequence[Group], heading: str, keys: Mapping[str, KeyInfo]) -> tuple[list[str], list[list[str]]]:
    then = any(group.sums.recorded for group in groups)
    rows = [
        [
            printable(group.tenant),
            printable(group.team),
            printable(few(group.models)),
            printable(few(group.operations)),
            f"{group.key_count}: {printable(few([name_of(use.id, keys) for use in group.keys], group.key_count))}",
            str(group.sums.calls),
            *([str(group.sums.recorded)] if then else []),
            str(group.sums.input_tokens + group.sums.output_tokens),
            decimal_text(group.sums.cost_nano),
            instant(group.sums.last_ns),
            printable(told_of(group)),
        ]
        for group in groups
    ]
    headings = ["tenant", "team", "models", "operations", "keys", "calls", *(["refused then"] if then else [])]
    return [*headings, "tokens", "cost_usd", "last seen", heading], rows


def told_of(group: Group) -> str:
    """What is told of a group beside its numbers."""
    if group.details:
        cut = f" ({group.sums.calls - group.cut:,} of the calls do not say how much they want)"
        unsaid = group.change == "obliged" and group.after.allowed and group.cut < group.sums.calls
        return "; ".join(group.details) + (cut if unsaid and "output tokens" in group.details[0] else "")
    return f"{said(group.before)} ({group.before.words}) → {said(group.after)} ({group.after.words})"


def said(cause: Cause) -> str:
    """What was decided: the same rule may decide before and after, and otherwise."""
    return "allow" if cause.allowed else "deny"


def few(words: Sequence[str], count: int = 0, most: int = 3) -> str:
    """The first few words, and how many more there are."""
    rest = max(count, len(words)) - len(words[:most])
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")


def name_of(key_id: str, keys: Mapping[str, KeyInfo]) -> str:
    """What people call a key."""
    info = keys.get(key_id)
    return key_id if info is None else info.name or info.owner


def instant(ns: int) -> str:
    return written(ns // 10**9)


def _many(calls: int) -> str:
    return f"{calls / 1e6:.1f} million" if calls >= 1_000_000 else f"{calls:,}"


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return "<0.1 %" if share < 0.1 else f"{share:.1f} %"


def as_json(told: Told) -> dict[str, Any]:
    """Everything; `cost_usd`: the exact decimal, as text."""
    impact = told.impact
    parts = ("looked_at", "newly_refused", "newly_allowed", "still_allowed", "still_refused", "undecidable")
    return {
        "summary": summary(told),
        "period": {"since": told.since, "until": told.until},
        "decided_as_of": told.at,
        "policies": {"before": told.before, "after": told.after},
        "elapsed_s": round(told.elapsed_s, 3),
        "teams": impact.teams,
        "teams_changed": impact.teams_changed,
        **{name: _sums(getattr(impact, name)) for name in (*parts, "watched", "obliged", "moved")},
        "groups": [_group(group, told.keys) for group in impact.groups],
        "undecidables": [
            {"tenant": one.tenant, "team": one.team, "reason": one.reason, **_sums(one.sums)}
            for one in impact.undecidables
        ],
    }


def _group(group: Group, keys: Mapping[str, KeyInfo]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(group)
    cut = {"cut": group.cut} if group.change == "obliged" else {}
    names: list[dict[str, Any]] = []
    for use in group.keys:
        info = keys.get(use.id)
        known = {} if info is None else {"name": info.name, "owner": info.owner}
        names.append({"id": use.id, "calls": use.calls, **known})
    kept = {name: value for name, value in plain.items() if name not in ("sums", "cut", "keys")}
    return {**kept, "keys": names, **_sums(group.sums), **cut}


def _sums(sums: Sums) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(sums)
    last_ns = plain.pop("last_ns")
    return {**plain, "cost_usd": decimal_text(sums.cost_nano), "last_seen": instant(last_ns) if last_ns else None}
