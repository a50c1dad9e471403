"""What a judge preferred: strengths with their intervals, and who beat whom how often."""

from collections.abc import Mapping

from gateway.compare.reporting.axes import linear
from gateway.compare.reporting.plots import Row, interval_plot
from gateway.compare.reporting.wording import MINUS, signed
from gateway.compare.running.results import Contested, Results
from gateway.pages.words import many, name


def preferences(results: Results) -> str:
    """The section; empty without a judge that compares answers."""
    if not results.ranking:
        return ""
    rows = [
        Row(
            one.arm,
            f"{signed(one.strength.estimate)} ({signed(one.strength.low)} to {signed(one.strength.high)})"
            + (f", best by {one.first:.0%}" if one.first is not None else ""),
            one.strength,
            "square",
        )
        for one in results.ranking
    ]
    axis = linear([0.0, *(end for row in rows for end in (row.interval.low, row.interval.high))])
    plot = interval_plot(rows, "Strengths by preferences (Bradley-Terry)", _tick, axis=axis)
    games = sum(one.won + one.lost + one.tied for one in results.contested)
    return (
        "<section><h2>What the judge preferred</h2><figure>"
        f"{plot}<figcaption>Bradley-Terry strengths, as logarithms of odds around 0, out of "
        f"{many(games, 'comparison')}: an arm that is 1 stronger is preferred 73 times in 100. “Best by” is the "
        f"probability that no arm is stronger.</figcaption></figure>{_matrix(results)}</section>"
    )


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", MINUS)


def _matrix(results: Results) -> str:
    if not results.contested:
        return ""
    arms = [one.arm for one in results.ranking]
    pairs = {(one.one, one.other): one for one in results.contested}
    head = "".join(f'<th scope="col" class="n">{name(arm)}</th>' for arm in arms)
    rows = "".join(
        f'<tr><th scope="row">{name(arm)}</th>{"".join(_cell(arm, other, pairs) for other in arms)}</tr>'
        for arm in arms
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Who beat whom"><table>'
        "<caption>How often the arm of a row was preferred to that of a column, ties counting half; below it won, lost "
        f'and tied.</caption><thead><tr><th scope="col">Arm</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(arm: str, other: str, pairs: Mapping[tuple[str, str], Contested]) -> str:
    if arm == other:
        return '<td class="n quiet">–</td>'
    one, turned = pairs.get((arm, other)), pairs.get((other, arm))
    if one is not None:
        won, lost, tied = one.won, one.lost, one.tied
    elif turned is not None:
        won, lost, tied = turned.lost, turned.won, turned.tied
    else:
        return '<td class="n quiet">not compared</td>'
    share = (won + tied / 2) / max(1, won + lost + tied)
    shade = min(4, int(abs(share - 0.5) * 10))
    kind = f"{'ahead' if share >= 0.5 else 'behind'}{shade}"
    return f'<td class="n {kind}">{share:.0%}<br><small>{won}–{lost}–{tied}</small></td>'
