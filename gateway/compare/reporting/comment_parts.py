"""Parts that comments on every kind of results have."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gateway.pages.markdown import code, prose, table

T = TypeVar("T")


def arms_lines(
    arms: Sequence[T],
    columns: Mapping[str, Callable[[T], str]],
    arm: Callable[[T], str],
    remark: Callable[[T], str],
) -> list[str]:
    """The arms' figures as a table, without the columns that say nothing of any.

    Args:
        columns: of each heading a cell, both Markdown already; an empty one says nothing. arm: its name.
        remark: what stands behind the figures; Markdown already.
    """
    shown = {head: cell for head, cell in columns.items() if any(cell(one) for one in arms)}
    rows = [[code(arm(one)), *(cell(one) or "–" for cell in shown.values()), remark(one)] for one in arms]
    if not any(row[-1] for row in rows):
        return table(["arm", *shown], 1, [row[:-1] for row in rows])
    return table(["arm", *shown, ""], 1, rows)


def with_code(text: str) -> str:
    """What stands between backticks, as code."""
    return "".join(code(part) if at % 2 else prose(part) for at, part in enumerate(text.split("`")))
