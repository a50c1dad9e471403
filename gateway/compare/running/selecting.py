"""Which of a suite's cases are run."""

import re
from collections.abc import Sequence

import msgspec

from gateway.compare.cases import Case, Suite
from gateway.stores.wording import nearest


class NothingSelected(ValueError):
    """No case is what was asked for. Says what there is."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    tags: a case needs one of them. filter: a part of its id or description, a regular expression. limit: the first so
        many of those. repeats: instead of what each case says.
    """

    tags: tuple[str, ...] = ()
    filter: str = ""
    limit: int | None = None
    repeats: int | None = None


class Selected(msgspec.Struct, frozen=True):
    """`asked`: cases that arms are asked. `labelled`: those that bring an answer and a person's opinion of it.
    `left_out`: in words, what is neither. `narrowed`: in words, how many of how many are asked, if it is not all."""

    asked: tuple[Case, ...]
    labelled: tuple[Case, ...]
    left_out: tuple[str, ...]
    narrowed: str = ""


def select(suite: Suite, selection: Selection) -> Selected:
    """The cases to run. Labelled ones are always among them: they cost no answers, and tell what a judge is worth.

    Raises:
        NothingSelected: none is left, with the nearest tag.
        re.error: the filter is no regular expression.
    """
    labelled = tuple(case for case in suite.cases if case.output is not None and case.human is not None)
    brought = [case for case in suite.cases if case.output is not None and case.human is None]
    asked = [case for case in suite.cases if case.output is None]
    pattern = re.compile(selection.filter) if selection.filter else None
    found = [case for case in asked if _wanted(case, selection, pattern)]
    if selection.limit is not None:
        found = found[: selection.limit]
    if not found:
        raise NothingSelected(_nothing(asked, selection))
    if selection.repeats is not None:
        found = [msgspec.structs.replace(case, repeat=selection.repeats) for case in found]
    left_out = [f"{len(brought)} cases bring their own answer and no label, and are asked of nobody"] if brought else []
    return Selected(tuple(found), labelled, tuple(left_out), _narrowed(len(found), len(asked), selection))


def _narrowed(chosen: int, there: int, selection: Selection) -> str:
    if chosen == there:
        return ""
    said = {"tags": ",".join(selection.tags), "filter": selection.filter, "limit": selection.limit}
    by = " ".join(f"--{name} {value}" for name, value in said.items() if value)
    return f"only {chosen} of {there} cases were asked ({by}): of the others it says nothing"


def _wanted(case: Case, selection: Selection, pattern: re.Pattern[str] | None) -> bool:
    if selection.tags and not set(selection.tags) & set(case.tags):
        return False
    return pattern is None or bool(pattern.search(case.id) or pattern.search(case.description))


def _nothing(asked: Sequence[Case], selection: Selection) -> str:
    tags = sorted({tag for case in asked for tag in case.tags})
    for tag in selection.tags:
        if tag not in tags:
            return f"no case has the tag `{tag}`{nearest(tag, tags)}"
    if selection.filter:
        return f"no case's id or description matches {selection.filter!r}"
    return "there is no case to ask" if selection.limit is None else "a limit of 0 leaves no case"
