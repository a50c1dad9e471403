"""The impact of a proposed policy as a comment on the pull request that proposes it."""

from collections.abc import Sequence

from gateway.access.impact import Change, Group
from gateway.cli.impact_words import CHANGES, Told, besides, few, instant, name_of, reasons, said, summary, told_of
from gateway.core.money import decimal_text
from gateway.pages.markdown import MAX_CHARACTERS, code, details, prose, table, within

# By which a bot finds the comment that it wrote before.
MARK = "<!-- gateway policy impact -->"
MAX_ROWS = 30
MAX_FOLDED = 20


def comment(told: Told) -> str:
    """The whole comment."""
    first, _, rest = summary(told).partition(": ")
    lines = [MARK, "### Impact of the proposed policies", "", f"**{prose(first)}**{': ' + rest if rest else ''}.", ""]
    lines += [*(f"* {sentence}" for sentence in besides(told)), ""]
    for change in ("refused", "allowed"):
        lines += _section(told, change)
    for change in ("watched", "obliged", "moved"):
        lines += _folded(told, change)
    lines += _why(told)
    lines += _undecidable(told)
    end = [
        f"Policies `{told.before[:16]}` → `{told.after[:16]}`, both as of {told.at}, tried on the calls from "
        f"{told.since} to {told.until or told.at}.",
    ]
    return "\n".join([*within(lines, MAX_CHARACTERS, "There is more; `--json` has all of it."), *end]) + "\n"


def _section(told: Told, change: Change) -> list[str]:
    groups = told.impact.of(change)
    if not groups:
        return []
    name, _ = CHANGES[change]
    return [f"#### {name.capitalize()}", "", *_table(told, groups[:MAX_ROWS], change), *_rest(groups, MAX_ROWS), ""]


def _folded(told: Told, change: Change) -> list[str]:
    groups = told.impact.of(change)
    if not groups:
        return []
    name, _ = CHANGES[change]
    calls = sum(group.sums.calls for group in groups)
    told_lines = [*_table(told, groups[:MAX_FOLDED], change), *_rest(groups, MAX_FOLDED)]
    return details(f"{name.capitalize()}: {calls:,} calls", told_lines)


def _rest(groups: Sequence[Group], most: int) -> list[str]:
    return ["", f"and {len(groups) - most} more; `--json` has them all"] if len(groups) > most else []


def _table(told: Told, groups: Sequence[Group], change: Change) -> list[str]:
    then = any(group.sums.recorded for group in groups)
    headings = ["tenant", "team", "models", "operations", "keys", "calls", *(["refused then"] if then else [])]
    headings += ["tokens", "cost (USD)", "last seen", CHANGES[change][1]]
    rows = [
        [
            code(group.tenant),
            code(group.team),
            _codes(group.models),
            _codes(group.operations),
            f"{group.key_count}: {_codes([name_of(use.id, told.keys) for use in group.keys], group.key_count)}",
            f"{group.sums.calls:,}",
            *([f"{group.sums.recorded:,}"] if then else []),
            f"{group.sums.input_tokens + group.sums.output_tokens:,}",
            decimal_text(group.sums.cost_nano),
            instant(group.sums.last_ns),
            _told_of(group),
        ]
        for group in groups
    ]
    return table(headings, 5, rows)


def _told_of(group: Group) -> str:
    if group.details:
        return code(told_of(group), 200)
    before, after = (f"{said(one)} ({code(one.words)})" for one in (group.before, group.after))
    return f"{before} → {after}"


def _codes(words: Sequence[str], count: int = 0, most: int = 3) -> str:
    shown = [code(word) for word in words[:most]]
    return few(shown, max(count, len(words)), most)


def _why(told: Told) -> list[str]:
    """The reasons, and who holds the keys: names that a reviewer can ask."""
    lines = [f"* {code(cause)}: {prose(reason)}" for cause, reason in reasons(told.impact)[:MAX_FOLDED]]
    used = {use.id: group for group in told.impact.groups for use in group.keys if group.change == "refused"}
    holders = [
        f"* {code(name_of(id_, told.keys))} of {code(group.team)}, held by {code(info.owner)}"
        for id_, group in list(used.items())[:MAX_FOLDED]
        if (info := told.keys.get(id_)) is not None
    ]
    found = details("Why", lines) if lines else []
    return found + (details("Whose keys are newly refused", holders) if holders else [])


def _undecidable(told: Told) -> list[str]:
    found = told.impact.undecidables
    if not found:
        return []
    rows = [[code(one.tenant), code(one.team), f"{one.sums.calls:,}", prose(one.reason)] for one in found[:MAX_FOLDED]]
    title = f"Not decidable: {told.impact.undecidable.calls:,} calls"
    return details(title, table(["tenant", "team", "calls", "reason"], 2, rows))
