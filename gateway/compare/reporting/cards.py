"""A verdict as a card: its word, whom it is of, what is known in a sentence, what it hangs on, and what to do next."""

from collections.abc import Callable, Sequence

from gateway.compare.reporting.plots import Mark, Row, interval_plot
from gateway.compare.reporting.telling import HEADWORDS, SIGNS
from gateway.compare.running.results import Word
from gateway.pages.words import name

MARKS: dict[Word, Mark] = {"better": "up", "worse": "down", "equivalent": "dot", "inconclusive": "ring"}


def word_chip(word: Word) -> str:
    return chip(f'<span aria-hidden="true">{SIGNS[word]}</span> {HEADWORDS[word]}', word)


def chip(text: str, kind: str) -> str:
    """`text`: HTML already. `kind`: one word or several of the style's."""
    return f'<span class="chip {kind}">{text}</span>'


def card(kind: Word, chips: str, arm: str, sentence: str, items: Sequence[str], advice: str) -> str:
    """`chips`, `items`: HTML already. `kind`: by which its edge is coloured."""
    listed = f"<ul>{''.join(f'<li>{one}</li>' for one in items)}</ul>" if items else ""
    told = f'<p class="advice"><b>What to do next.</b> {_code(advice)}</p>' if advice else ""
    return (
        f'<div class="verdict {kind}"><p class="chips">{chips}<b>{name(arm)}</b></p><p>{name(sentence)}</p>'
        f"{listed}{told}</div>"
    )


def interval_figure(
    rows: Sequence[Row], title: str, caption: str, label: Callable[[float], str], *, margin: float = 0.0
) -> str:
    """The plot of intervals of differences with what it shows below it. `caption`: HTML already."""
    plot = interval_plot(rows, title, label, margin=margin)
    return f"<figure>{plot}<figcaption>{caption}</figcaption></figure>"


def _code(text: str) -> str:
    """What stands between backticks, as code."""
    parts = text.split("`")
    return "".join(f"<code>{name(part)}</code>" if at % 2 else name(part) for at, part in enumerate(parts))
