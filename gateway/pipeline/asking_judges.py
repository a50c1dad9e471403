"""Whom guards ask over the network, asked all at once; and what a call meets whose judge cannot say."""

import asyncio
from collections.abc import Sequence

from gateway.core.call import Call
from gateway.core.faults import Overloaded
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
    closed: Rule | None = None
    for rule, opinion in zip(asked, opinions, strict=True):
        for kind in opinion.kinds:
            tally.add(rule, side, kind, kind, late=late)
        if opinion.failed:
            parts.guarding.unguarded(rule.id, opinion.failed)
            tally.add(rule, side, UNAVAILABLE, opinion.failed, late=True)
            if rule.enforced and rule.guard.ask is not None and rule.guard.ask.on_failure == "closed":
                closed = closed or rule
    if closed is not None and not late and tally.blocked is None:
        raise Overloaded(
            f"guard `{closed.id}` cannot look at the moment, and lets nothing pass then; try again soon",
            code="guard_unavailable",
            headers={"retry-after": "5"},
            details={"guard": closed.id, "side": side},
        )
