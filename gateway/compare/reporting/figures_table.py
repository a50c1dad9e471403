"""Arms' figures as a table of HTML, without the columns that say nothing of any."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from gateway.compare.reporting.plots import bar
from gateway.compare.reporting.wording import between, money, percent
from gateway.compare.running.results import Quantiles
from gateway.compare.statistics.interval import Interval
from gateway.pages.words import plain, whole

T = TypeVar("T")


class Column(msgspec.Struct, Generic[T], frozen=True):
    """`cell`: of an arm, as HTML; empty: there is nothing to say. `about`: what it is, for who does not know."""

    heading: str
    cell: Callable[[T], str]
    about: str = ""


def figures_table(arms: Sequence[T], columns: Sequence[Column[T]], named: Callable[[T], str], caption: str) -> str:
    """The section. `named`: whose figures they are, and `caption`: both HTML already."""
    columns = [one for one in columns if any(one.cell(arm) for arm in arms)]
    heads = "".join(
        f'<th scope="col" class="n"{f" title={chr(34)}{plain(one.about)}{chr(34)}" if one.about else ""}>'
        f"{plain(one.heading)}</th>"
        for one in columns
    )
    rows = "".join(_row(one, columns, named) for one in arms)
    return (
        '<section><h2>Arms</h2><div class="scroll" tabindex="0" role="region" aria-label="Arms"><table class="arms">'
        f'<caption>{caption}</caption><thead><tr><th scope="col">Arm</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(one: T, columns: Sequence[Column[T]], named: Callable[[T], str]) -> str:
    cells = "".join(f'<td class="n">{column.cell(one) or "<span class=quiet>–</span>"}</td>' for column in columns)
    return f'<tr><th scope="row">{named(one)}</th>{cells}</tr>'


def share_cell(found: Interval | None) -> str:
    if found is None:
        return ""
    return f"<b>{percent(found.estimate)}</b>{bar(found)}<small>{between(found)}</small>"


def times_cell(found: Quantiles | None) -> str:
    """The median, and what 95 of 100 do not exceed."""
    return "" if found is None else f"{found.p50:.2f} s<br><small>{found.p95:.2f} s</small>"


def cost_cell(per_thousand_nano: int | None, unknown: str) -> str:
    """`unknown`: how many of what have no price; empty: none."""
    if per_thousand_nano is None:
        return ""
    return money(per_thousand_nano) + (f'<br><span class="unknown">{plain(unknown)}</span>' if unknown else "")


def count_cell(count: int) -> str:
    return whole(count) if count else ""
