"""What live traffic says as CSV: one line for each arm, in columns that stay."""

import csv
import io
import json
from collections.abc import Mapping

from gateway.compare.live.results import Live, LiveArm, LiveDifference
from gateway.compare.running.results import Quantiles
from gateway.compare.statistics.interval import Interval
from gateway.core.days import written
from gateway.core.money import decimal_text
from gateway.pages.cells import safe_cell

# What each column holds. The order is part of what is promised; new columns come at the end.
COLUMNS: Mapping[str, str] = {
    "route": "of which the traffic is, or",
    "prompt": "of which it is",
    "since": "UTC",
    "until": "UTC, the moment after the last",
    "unit": "whom arms were chosen for: `call`, `user` or `key`",
    "metric": "what is compared",
    "level": "of confidence, of all claims together",
    "arm": "whose figures these are",
    "share": "of the calls to come, of an experiment",
    "stopped": "why it gets no more calls",
    "calls": "completed, failed and cancelled ones",
    "completed": "calls",
    "failed": "calls",
    "cancelled": "calls that the caller hung up on",
    "elsewhere": "calls that another target answered in the end",
    "refusals": "answers in which the model or a filter refused",
    "success_rate": "0 to 1",
    "mean": "the metric's, in its own unit: seconds, or nano-units of the currency",
    "mean_low": "where its confidence sequence begins",
    "mean_high": "and ends",
    "cost": "of all priced calls, an exact decimal",
    "cost_per_thousand": "of 1,000 priced calls, an exact decimal",
    "unpriced": "completed calls without a known price",
    "currency": "of both",
    "latency_p50_s": "seconds until the last byte: the median",
    "latency_p95_s": "and what 95 of 100 do not exceed",
    "ttft_p50_s": "seconds until the first, of a stream",
    "ttft_p95_s": "the same",
    "input_tokens": "the mean of a call",
    "output_tokens": "the mean of a call",
    "rated": "calls with feedback",
    "thumbs_up": "0 to 1, of these",
    "best": "how likely it is the best of an experiment's",
    "base": "the arm that it is held against; empty: it is that, or is not compared",
    "judged": "1: chance chose between the two",
    "word": "`better`, `equivalent`, `worse` or `inconclusive`",
    "pairs": "differences that it rests on",
    "difference": "from the base, in the metric's own unit",
    "difference_low": "where its confidence sequence begins",
    "difference_high": "and ends",
    "change": "of a time or a cost: the same as a part of the base's",
    "margin": "how much worse is no worse; of a time or a cost as a part",
    "p": "1 by the e-value",
    "p_adjusted": "the same by Holm for all arms",
    "more_pairs": "about how many more would decide it",
    "guards": "by metric, as a JSON object: `state`, `change`, `allowed`, `pairs`",
}
# Other columns are figures, which may begin with a minus.
_TEXTS = frozenset({"route", "prompt", "unit", "metric", "arm", "stopped", "currency", "base", "word", "guards"})


def live_sheet(found: Live) -> str:
    """With a line of headings. What is not known is empty, never 0. A text that a spreadsheet would run as a formula
    has a quote in front."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    differences = {one.other: one for one in found.differences}
    for arm in found.arms:
        line = {**_subject(found), **_counts(arm, found), **_amounts(arm)}
        if (one := differences.get(arm.arm)) is not None:
            line |= _difference(one)
        writer.writerow({key: safe_cell(text) if key in _TEXTS else text for key, text in line.items()})
    return out.getvalue()


def _subject(found: Live) -> dict[str, str]:
    return {
        "route": found.route,
        "prompt": found.prompt,
        "since": written(found.since),
        "until": written(found.until),
        "unit": found.unit,
        "metric": found.metric,
        "level": _number(found.level),
        "currency": found.currency,
    }


def _counts(arm: LiveArm, found: Live) -> dict[str, str]:
    return {
        "arm": arm.arm,
        "share": _number(arm.share),
        "stopped": arm.stopped,
        "calls": str(arm.calls),
        "completed": str(arm.completed),
        "failed": str(arm.failed),
        "cancelled": str(arm.cancelled),
        "elsewhere": str(arm.elsewhere),
        "refusals": str(arm.refusals),
        "success_rate": _number(arm.success_rate),
        "rated": str(arm.rated),
        "thumbs_up": _number(arm.thumbs_up),
        "best": _number(found.best.get(arm.arm)),
    }


def _amounts(arm: LiveArm) -> dict[str, str]:
    per_thousand = arm.cost_per_thousand_nano
    return {
        **_interval("mean", arm.metric),
        "cost": "" if per_thousand is None else decimal_text(arm.cost_nano),
        "cost_per_thousand": "" if per_thousand is None else decimal_text(per_thousand),
        "unpriced": str(arm.unpriced),
        **_quantiles("latency", arm.latency_s),
        **_quantiles("ttft", arm.ttft_s),
        "input_tokens": _number(arm.input_tokens),
        "output_tokens": _number(arm.output_tokens),
    }


def _difference(one: LiveDifference) -> dict[str, str]:
    guards = {
        guard.metric: {"state": guard.state, "change": guard.change, "allowed": guard.allowed, "pairs": guard.pairs}
        for guard in one.guards
    }
    return {
        "base": one.base,
        "judged": "1" if one.judged else "0",
        "word": one.word,
        "pairs": str(one.pairs),
        **_interval("difference", one.interval),
        "change": _number(one.change),
        "margin": _number(one.margin),
        "p": _number(one.p),
        "p_adjusted": _number(one.p_adjusted),
        "more_pairs": "" if one.more_pairs is None else str(one.more_pairs),
        "guards": json.dumps(guards) if guards else "",
    }


def _interval(key: str, found: Interval | None) -> dict[str, str]:
    if found is None:
        return {}
    return {key: _number(found.estimate), f"{key}_low": _number(found.low), f"{key}_high": _number(found.high)}


def _quantiles(key: str, found: Quantiles | None) -> dict[str, str]:
    return {} if found is None else {f"{key}_p50_s": f"{found.p50:.6f}", f"{key}_p95_s": f"{found.p95:.6f}"}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
