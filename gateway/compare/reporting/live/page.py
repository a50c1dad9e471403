"""What live traffic says as one HTML page that needs nothing else, for whoever has to say yes: the verdicts first, then
what they rest on, then what counts."""

from collections.abc import Sequence

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live
from gateway.compare.reporting.live.arms import arms_table
from gateway.compare.reporting.live.telling import COUNTS, counting, stopped_arms, subject_of
from gateway.compare.reporting.live.verdicts import verdicts_section
from gateway.compare.reporting.sections import moment, notes_section, page_header
from gateway.compare.reporting.style import CSS
from gateway.compare.reporting.wording import level
from gateway.pages.document import document, head
from gateway.pages.words import many, name


def live_page(found: Live, measures: Sequence[Measure], title: str) -> str:
    """The whole page. `measures`: what was asked of it, the primary metric first; `title`: the command."""
    by_name = {one.name: one for one in measures}
    parts = [head(f"{subject_of(found)} · {title}", CSS), "<article>", _header(found, title), _stopped(found)]
    if any(one.calls for one in found.arms):
        parts += [verdicts_section(found, by_name), arms_table(found, by_name[found.metric])]
    else:
        parts.append("<section><h2>Nothing to compare</h2><p>There are no calls in this period.</p></section>")
    parts += [_counting(found), notes_section(found.notes), _footer(found), "</article>"]
    return document("".join(parts))


def _header(found: Live, title: str) -> str:
    calls = sum(one.calls for one in found.arms)
    facts = [
        f"the {'route' if found.route else 'prompt'}'s live traffic",
        f"{many(calls, 'call')} of {many(len(found.arms), 'arm')}",
        f"by {name(found.metric)}",
    ]
    return page_header(
        title, subject_of(found), [" · ".join(facts), f"Calls from {moment(found.since)} to {moment(found.until)}"]
    )


def _stopped(found: Live) -> str:
    stopped = stopped_arms(found)
    if not stopped:
        return ""
    lines = "".join(f"<li>{name(arm)}: {name(why)}</li>" for arm, why in stopped)
    arms = many(len(stopped), "arm")
    return (
        f'<div class="notice" role="note"><strong>{arms} stopped, and {"gets" if len(stopped) == 1 else "get"} no more '
        f"calls.</strong><ul>{lines}</ul></div>"
    )


def _counting(found: Live) -> str:
    lines = "".join(f"<li>{name(one)}</li>" for one in counting(found))
    return f"<section><h2>{COUNTS}</h2><ul>{lines}</ul></section>"


def _footer(found: Live) -> str:
    wrong = level(round(1.0 - found.level, 9))
    return (
        "<footer><p>Intervals are confidence sequences: they hold whenever one looks, and however often. Of all claims "
        f"on this page together a false one is made with a probability of {wrong} at most; half of that is for claims "
        "that an arm is better, half for claims that it is worse or breaks a guard. A difference is of the means of a "
        "run of neighbouring calls of both arms, or of the two answers to one request.</p></footer>"
    )
