"""Parts that pages of every kind of results have."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.pages.words import name, plain

UNFAIR = "What makes this less fair than it looks"


def page_header(title: str, subject: str, lines: Sequence[str]) -> str:
    """`title`: the command; `subject`: of what the results are; `lines`: below it, HTML already."""
    facts = "".join(f'<p class="quiet">{one}</p>' for one in lines)
    return f'<header><div><p class="quiet">{plain(title)}</p><h1>{name(subject)}</h1>{facts}</div></header>'


def moment(at: float) -> str:
    """Unix seconds as a time of UTC."""
    when = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{when:%d %B %Y, %H:%M} UTC</time>'


def notes_section(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    listed = "".join(f"<li>{name(one)}</li>" for one in notes)
    return f'<section><h2>{UNFAIR}</h2><div class="notice" role="note"><ul>{listed}</ul></div></section>'
