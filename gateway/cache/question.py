"""A call as the cache sees it, and what an entry is worth to it."""

from typing import Literal

import msgspec

from gateway.cache.directives import Wanted
from gateway.cache.document import Rule
from gateway.cache.entries import Entry
from gateway.cache.meaning import Meaning

Standing = Literal["fresh", "stale", "useless"]


class Question(msgspec.Struct, frozen=True, gc=False):
    """`max_bytes`: larger answers are not kept. `meaning`: where like questions may have the same answer."""

    key: bytes
    rule: Rule
    wanted: Wanted
    stream: bool
    max_bytes: int
    meaning: Meaning | None = None


def age_s(entry: Entry, now: float) -> float:
    return max(0.0, now - entry.stored_at)


def standing(entry: Entry | None, question: Question, now: float) -> Standing:
    """`fresh`: to be given. `stale`: to be given while another call fetches a new one, or if that fails. By the rule in
    force now, whatever was in force when it was kept."""
    if entry is None:
        return "useless"
    rule, age, most = question.rule, age_s(entry, now), question.wanted.max_age_s
    if most is not None and age > most:
        return "useless"
    if age <= rule.ttl_s:
        return "fresh"
    return "stale" if age <= rule.ttl_s + rule.stale_s else "useless"
