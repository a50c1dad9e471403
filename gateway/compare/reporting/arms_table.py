"""The arms' figures as a table, without the columns that say nothing of any."""

from collections.abc import Callable

import msgspec

from gateway.compare.reporting.plots import bar
from gateway.compare.reporting.wording import between, figure, middle, money, percent
from gateway.compare.running.results import Quantiles, Results, Summary
from gateway.compare.statistics.interval import Interval
from gateway.pages.words import many, name, plain, whole


class Column(msgspec.Struct, frozen=True):
    """`cell`: of an arm, as HTML; empty: there is nothing to say. `about`: what it is, for who does not know."""

    heading: str
    cell: Callable[[Summary], str]
    about: str = ""


def arms_table(results: Results) -> str:
    columns = [one for one in _columns(results) if any(one.cell(arm) for arm in results.summaries)]
    heads = "".join(
        f'<th scope="col" class="n"{f" title={chr(34)}{plain(one.about)}{chr(34)}" if one.about else ""}>'
        f"{plain(one.heading)}</th>"
        for one in columns
    )
    rows = "".join(_row(one, columns) for one in results.summaries)
    cases = many(len(results.cases), "case")
    repeats = f", each asked {results.repeats} times at most" if results.repeats > 1 else ""
    return (
        '<section><h2>Arms</h2><div class="scroll" tabindex="0" role="region" aria-label="Arms"><table class="arms">'
        f"<caption>{cases}{repeats}. Money in {name(results.currency)}; latencies, first tokens and tokens are of one "
        "answer: the median, and what 95 of 100 do not exceed.</caption>"
        f'<thead><tr><th scope="col">Arm</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _row(one: Summary, columns: list[Column]) -> str:
    beaten = (
        f"<br><small>no better than {name(one.dominated_by)} in quality, cost or speed</small>"
        if one.dominated_by
        else ""
    )
    cells = "".join(f'<td class="n">{column.cell(one) or "<span class=quiet>–</span>"}</td>' for column in columns)
    return f'<tr><th scope="row">{name(one.arm)}{beaten}</th>{cells}</tr>'


def _columns(results: Results) -> list[Column]:
    same_score = all(one.score == one.pass_rate for one in results.summaries)
    named = list(dict.fromkeys(metric for one in results.summaries for metric in one.named))
    return [
        Column("Passed", lambda one: _share(one.pass_rate), "share of cases that pass, with its interval"),
        *([] if same_score else [Column("Score", lambda one: _share(one.score), "mean score, of 100")]),
        *(Column(metric, _metric(metric)) for metric in named),
        Column("Per 1,000", _cost, "what 1,000 answers cost, as if none had been kept"),
        Column("Latency", lambda one: _times(one.latency_s), "until the last byte, in seconds"),
        Column("First token", lambda one: _times(one.ttft_s), "until the first byte of a stream, in seconds"),
        Column("Tokens in", lambda one: middle(one.input_tokens), "the median"),
        Column("Tokens out", lambda one: middle(one.output_tokens), "the median"),
        Column("Refused", lambda one: _count(one.refusals), "answers in which the model refused"),
        Column("Malformed", lambda one: _count(one.format_errors), "answers not of the form that is asserted"),
        Column("Cut off", lambda one: _count(one.truncated), "answers that the limit of tokens cut off"),
        Column("Errors", lambda one: _count(one.errors), "trials that nobody answered, or nobody could grade"),
        Column("Retries", lambda one: _count(one.retries), "how often it was asked again because somebody was busy"),
    ]


def _share(found: Interval | None) -> str:
    if found is None:
        return ""
    return f"<b>{percent(found.estimate)}</b>{bar(found)}<small>{between(found)}</small>"


def _metric(metric: str) -> Callable[[Summary], str]:
    def cell(one: Summary) -> str:
        found = one.named.get(metric)
        if found is None:
            return ""
        return f"{figure(found.estimate)}<br><small>{figure(found.low)} to {figure(found.high)}</small>"

    return cell


def _cost(one: Summary) -> str:
    if one.cost_per_thousand_nano is None:
        return ""
    unknown = f'<br><span class="unknown">{many(one.unpriced, "answer")} unpriced</span>' if one.unpriced else ""
    return money(one.cost_per_thousand_nano) + unknown


def _times(found: Quantiles | None) -> str:
    return "" if found is None else f"{found.p50:.2f} s<br><small>{found.p95:.2f} s</small>"


def _count(count: int) -> str:
    return whole(count) if count else ""
