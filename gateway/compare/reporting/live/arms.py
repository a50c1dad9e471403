"""The figures of live traffic's arms, for the page."""

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live, LiveArm
from gateway.compare.reporting.figures_table import Column, cost_cell, count_cell, figures_table, share_cell, times_cell
from gateway.compare.reporting.live.terms import ends_of, mean_of
from gateway.compare.reporting.wording import percent
from gateway.pages.words import many, name, whole


def arms_table(found: Live, measure: Measure) -> str:
    bases = {one.base for one in found.differences}

    def named(one: LiveArm) -> str:
        base = " <small>baseline</small>" if one.arm in bases else ""
        stopped = "<br><small>stopped</small>" if one.stopped else ""
        return f"{name(one.arm)}{base}{stopped}"

    money = f"Money in {name(found.currency)}; latencies" if found.currency else "Latencies"
    caption = (
        f"Of all calls of the period. {money} and first tokens are of one call: the median, and what 95 of 100 do not "
        "exceed; tokens are the mean."
    )
    return figures_table(found.arms, _columns(found, measure), named, caption)


def _columns(found: Live, measure: Measure) -> list[Column[LiveArm]]:
    return [
        Column(f"Mean {measure.name}", lambda one: _mean(one, measure), "of what counts, with its confidence sequence"),
        Column("Share now", lambda one: _percent(one.share), "of the calls to come, by the experiment"),
        Column("Calls", lambda one: whole(one.calls), "completed, failed, and those that the caller hung up on"),
        Column(
            "Success", lambda one: _percent(one.success_rate), "the share of what ended that the arm itself answered"
        ),
        Column("Per 1,000", _cost, "what 1,000 priced calls cost"),
        Column("Latency", lambda one: times_cell(one.latency_s), "until the last byte, in seconds"),
        Column("First token", lambda one: times_cell(one.ttft_s), "until the first byte of a stream, in seconds"),
        Column("Tokens", _tokens, "in and out of a call, the mean"),
        Column("Thumbs up", _thumbs, "of calls with feedback"),
        Column("Failed", lambda one: count_cell(one.failed)),
        Column("Elsewhere", lambda one: count_cell(one.elsewhere), "answered by another target in the end"),
        Column("Hung up", lambda one: count_cell(one.cancelled), "by the caller, before the end"),
        Column("Refused", lambda one: count_cell(one.refusals), "answers in which the model or a filter refused"),
        Column("Is best", lambda one: _percent(found.best.get(one.arm)), "how likely it is the best of all"),
    ]


def _mean(one: LiveArm, measure: Measure) -> str:
    if one.metric is None:
        return ""
    if measure.kind == "share":
        return share_cell(one.metric)
    return f"<b>{mean_of(one.metric.estimate, measure)}</b><br><small>{ends_of(one.metric, measure)}</small>"


def _cost(one: LiveArm) -> str:
    return cost_cell(one.cost_per_thousand_nano, f"{many(one.unpriced, 'call')} unpriced" if one.unpriced else "")


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)


def _tokens(one: LiveArm) -> str:
    if one.input_tokens is None or one.output_tokens is None:
        return ""
    return f"{one.input_tokens:,.0f} in<br><small>{one.output_tokens:,.0f} out</small>"


def _thumbs(one: LiveArm) -> str:
    return "" if one.thumbs_up is None else f"{percent(one.thumbs_up)}<br><small>of {whole(one.rated)}</small>"
