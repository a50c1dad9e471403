"""Whom guards ask over the network, asked all at once; and what a call meets whose judge cannot say."""

import asyncio
from collections.abc import Sequence

from gateway.core.call import Call
from gateway.core.faults import Overloaded
from gateway.guard.outside.judging import MAX_CHARACTERS, Opinion
from gateway.guard.rules import Rule
from gateway.guard.tally import Tally
from gateway.guard.words import Side
from gateway.pipeline.parts import Parts

UNAVAILABLE = "unavailable"


async def ask_judges(
    call: Call,
    rules: Sequence[Rule],
    side: Side,
    texts: Sequence[str],
    tally: Tally,
    parts: Parts,
    *,
    late: bool = False,
) -> None:
    """Note what they think. `late`: the texts are with the caller already.

    Raises:
        Overloaded: one could not say, and its guard lets nothing pass then.
    """
    asked = [rule for rule in rules if rule.guard.ask is not None]
    if not asked or not texts:
        return
    opinions = await asyncio.gather(*(parts.judges.judge(rule, side, texts, call) for rule in asked))
    closed: tuple[Rule, Opinion] | None = None
    for rule, opinion in zip(asked, opinions, strict=True):
        for kind in opinion.kinds:
            tally.add(rule, side, kind, kind, late=late)
        if opinion.failed:
            parts.guarding.unguarded(rule.id, opinion.failed, opinion.told)
            tally.add(rule, side, UNAVAILABLE, opinion.failed, late=True)
            if rule.enforced and rule.guard.ask is not None and rule.guard.ask.on_failure == "closed":
                closed = closed or (rule, opinion)
    if closed is not None and not late and tally.blocked is None:
        raise _closed(*closed, side)


def _closed(rule: Rule, opinion: Opinion, side: Side) -> Overloaded:
    """What the caller is told: the judge's own words are for the log."""
    if opinion.failed == "too_long":
        hint = f"its judge is shown no more than {MAX_CHARACTERS:,} characters: send less at once"
    elif opinion.lasting:
        hint = "trying again does not help until it is mended: the gateway's log says what, to those who run it"
    else:
        hint = "try again soon"
    return Overloaded(
        f"guard `{rule.id}` cannot look at the moment, and lets nothing pass then; {hint}",
        code="guard_unavailable",
        headers={"x-should-retry": "false"} if opinion.lasting else {"retry-after": "5"},
        details={"guard": rule.id, "side": side},
    )
