"""What guards found in one call: counted by guard, side and kind, and told without a word of the text."""

import hashlib
import os
from collections.abc import Iterator

import msgspec

from gateway.guard.looking import Hit
from gateway.guard.rules import Done, Rule
from gateway.guard.words import Side

_canonical = msgspec.json.Encoder(order="sorted").encode
MAX_VALUES = 1_000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a record's `guards`. `count`: how many different ones; `action`: what was done, or in audit would be."""

    guard: str
    side: Side
    kind: str
    count: int
    action: Done
    mode: str


class Tally:
    """Attributes:
    found: digests of what was found, by guard, side and kind.
    blocked: the first finding that refuses the call: the rule, the side, the kind.
    """

    __slots__ = ("_done", "_salt", "blocked", "found")

    def __init__(self) -> None:
        self.found: dict[tuple[str, Side, str], set[bytes]] = {}
        self._done: dict[tuple[str, Side, str], tuple[Done, str]] = {}
        # Values are told apart by digests that mean nothing outside of this call. Most calls have none.
        self._salt = b""
        self.blocked: tuple[Rule, Side, str] | None = None

    def add(self, rule: Rule, side: Side, kind: str, value: str, *, late: bool = False) -> None:
        """Count a finding. `late`: the text is with the caller already, and no more can be done than to tell of it."""
        key = (rule.id, side, kind)
        action: Done = "annotate" if late and rule.enforced else rule.guard.action
        values = self.found.setdefault(key, set())
        self._salt = self._salt or os.urandom(16)
        self._done.setdefault(key, (action, rule.guard.mode))
        if len(values) < MAX_VALUES:
            values.add(hashlib.blake2b(value.encode(), digest_size=12, key=self._salt).digest())
        if action == "block" and rule.enforced and self.blocked is None:
            self.blocked = (rule, side, kind)

    def note(self, hits: list[Hit], side: Side, *, late: bool = False) -> None:
        for hit in hits:
            self.add(hit.rule, side, hit.span.kind, hit.value, late=late)

    def findings(self) -> Iterator[Finding]:
        for key, values in sorted(self.found.items()):
            action, mode = self._done[key]
            yield Finding(guard=key[0], side=key[1], kind=key[2], count=len(values), action=action, mode=mode)

    def text(self) -> str:
        """As a record keeps it; empty for none."""
        found = list(self.findings())
        return _canonical(found).decode() if found else ""

    def header(self) -> str:
        """`pii;side=input;action=redact;count=2`, one after the other; without what is only watched."""
        told: dict[tuple[str, Side, Done], int] = {}
        for one in self.findings():
            if one.mode == "enforce":
                key = (one.guard, one.side, one.action)
                told[key] = told.get(key, 0) + one.count
        return ", ".join(f"{guard};side={side};action={done};count={n}" for (guard, side, done), n in told.items())
