"""The figures of a suite's arms."""

from collections.abc import Callable

from gateway.compare.reporting.figures_table import Column, cost_cell, count_cell, figures_table, share_cell, times_cell
from gateway.compare.reporting.wording import figure, middle
from gateway.compare.running.results import Results, Summary
from gateway.pages.words import many, name


def arms_table(results: Results) -> str:
    cases = many(len(results.cases), "case")
    repeats = f", each asked {results.repeats} times at most" if results.repeats > 1 else ""
    caption = (
        f"{cases}{repeats}. Money in {name(results.currency)}; latencies, first tokens and tokens are of one "
        "answer: the median, and what 95 of 100 do not exceed."
    )
    return figures_table(results.summaries, _columns(results), _named, caption)


def _named(one: Summary) -> str:
    if not one.dominated_by:
        return name(one.arm)
    return f"{name(one.arm)}<br><small>no better than {name(one.dominated_by)} in quality, cost or speed</small>"


def _columns(results: Results) -> list[Column[Summary]]:
    same_score = all(one.score == one.pass_rate for one in results.summaries)
    named = list(dict.fromkeys(metric for one in results.summaries for metric in one.named))
    return [
        Column("Passed", lambda one: share_cell(one.pass_rate), "share of cases that pass, with its interval"),
        *([] if same_score else [Column("Score", lambda one: share_cell(one.score), "mean score, of 100")]),
        *(Column(metric, _metric(metric)) for metric in named),
        Column("Per 1,000", _cost, "what 1,000 answers cost, as if none had been kept"),
        Column("Latency", lambda one: times_cell(one.latency_s), "until the last byte, in seconds"),
        Column("First token", lambda one: times_cell(one.ttft_s), "until the first byte of a stream, in seconds"),
        Column("Tokens in", lambda one: middle(one.input_tokens), "the median"),
        Column("Tokens out", lambda one: middle(one.output_tokens), "the median"),
        Column("Refused", lambda one: count_cell(one.refusals), "answers in which the model refused"),
        Column("Malformed", lambda one: count_cell(one.format_errors), "answers not of the form that is asserted"),
        Column("Cut off", lambda one: count_cell(one.truncated), "answers that the limit of tokens cut off"),
        Column("Errors", lambda one: count_cell(one.errors), "trials that nobody answered, or nobody could grade"),
        Column(
            "Retries", lambda one: count_cell(one.retries), "how often it was asked again because somebody was busy"
        ),
    ]


def _metric(metric: str) -> Callable[[Summary], str]:
    def cell(one: Summary) -> str:
        found = one.named.get(metric)
        if found is None:
            return ""
        return f"{figure(found.estimate)}<br><small>{figure(found.low)} to {figure(found.high)}</small>"

    return cell


def _cost(one: Summary) -> str:
    return cost_cell(one.cost_per_thousand_nano, f"{many(one.unpriced, 'answer')} unpriced" if one.unpriced else "")
