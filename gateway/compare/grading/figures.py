"""Assertions about what an answer took: time, money, tokens; and why it ended. A figure that is not known is an error,
not a pass: an answer out of a cache has no latency, and one that nobody priced no cost."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Ungradable, Verdict
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import Wrong, one_text, text_of
from gateway.core.money import NANO, decimal_text
from gateway.core.usage import Usage
from gateway.stores.wording import nearest

# How providers say why an answer ended, as OpenAI does.
REASONS: Mapping[str, str] = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "max_output_tokens": "length",
    "tool_use": "tool_calls", "tool-calls": "tool_calls", "function_call": "tool_calls", "refusal": "content_filter",
    "content-filter": "content_filter", "safety": "content_filter",
}  # fmt: skip
_TOKENS: Mapping[str, Callable[[Usage], int]] = {
    "total": lambda usage: usage.total_tokens,
    "input": lambda usage: usage.total_input,
    "output": lambda usage: usage.total_output,
    "reasoning": lambda usage: usage.reasoning_tokens,
}


def finish_reason(wanted: Wanted) -> Look:
    """Why the answer ended: stop, length, content_filter or tool_calls; providers' own words for them count too."""
    expected = _reason(one_text(wanted.value))

    def look(sample: Sample) -> Verdict:
        if not sample.finish_reason:
            raise Ungradable("the upstream does not say why the answer ended")
        ended = _reason(sample.finish_reason)
        return Verdict(ended == expected, float(ended == expected), f"the answer ended by {ended}; expected {expected}")

    return look


def _reason(word: str) -> str:
    lower = word.strip().lower()
    return REASONS.get(lower, lower)


def latency(wanted: Wanted) -> Look:
    """At most `threshold` milliseconds until the last byte; `value: ttft`, until the first."""
    which = _word(wanted, ("total", "ttft"))
    most = _most(wanted, "milliseconds")

    def measure(sample: Sample) -> float:
        seconds = sample.latency_s if which == "total" else sample.ttft_s
        if seconds is None:
            raise Ungradable("how long the answer took is not known")
        return seconds * 1000

    return _at_most(most, measure, lambda ms: f"{ms:.0f} ms")


def cost(wanted: Wanted) -> Look:
    """At most `threshold` in the price book's currency; `value: nano`, in its nano-units."""
    unit = _word(wanted, ("currency", "nano"))
    most = _most(wanted, "money")
    scale = NANO if unit == "currency" else 1

    def measure(sample: Sample) -> float:
        if sample.cost_nano is None:
            raise Ungradable("what the answer cost is not known")
        return sample.cost_nano

    # In whole nano-units: 0.001 is no float, and an answer that costs just so much is within it.
    bound = None if most is None else int(Decimal(repr(most)) * scale)
    return _at_most(bound, measure, lambda nano: decimal_text(int(nano)), scale)


def tokens(wanted: Wanted) -> Look:
    """At most `threshold` tokens; `value` says which: total, input, output, reasoning."""
    count = _TOKENS[_word(wanted, tuple(_TOKENS))]

    def measure(sample: Sample) -> float:
        if sample.usage is None:
            raise Ungradable("how many tokens the answer took is not known")
        return count(sample.usage)

    return _at_most(_most(wanted, "tokens"), measure, lambda number: f"{number:.0f} tokens")


def _word(wanted: Wanted, words: tuple[str, ...]) -> str:
    """The value, one of the words; the first if there is none."""
    if wanted.value is msgspec.UNSET:
        return words[0]
    if wanted.value not in words:
        raise Wrong(
            ("value",), f"`{text_of(wanted.value)}` is not a word for this{nearest(text_of(wanted.value), list(words))}"
        )
    return wanted.value


def _most(wanted: Wanted, what: str) -> float | None:
    if wanted.threshold is not None and wanted.threshold < 0:
        raise Wrong(("threshold",), f"{what} are 0 or more")
    return wanted.threshold


def _at_most(
    most: float | None,
    measure: Callable[[Sample], float],
    told: Callable[[float], str],
    scale: int = 1,
) -> Look:
    """Without a `most`, the figure is noted under the assertion's metric, and fails nobody. `scale`: so many of what
    is measured are one of what is shown."""

    def look(sample: Sample) -> Verdict:
        figure = measure(sample)
        if most is None:
            return Verdict(True, 1.0, told(figure), measured=figure / scale, named={"": figure / scale})
        fits = figure <= most
        return Verdict(fits, float(fits), f"{told(figure)}, of at most {told(most)}", measured=figure / scale)

    return look
