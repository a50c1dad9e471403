"""What guards find in one text, and the text that remains of it."""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.guard.escapes import Seen, escaped
from gateway.guard.first_look import FirstLook
from gateway.guard.rules import Rule
from gateway.guard.vault import Vault, placeholder
from gateway.guard.words import Detector, Span

# They judge what is answered, and neither the thoughts before it nor the calls of tools beside it.
OF_ANSWERS = frozenset({"json_schema"})


class Hit(msgspec.Struct, frozen=True):
    """A guard found something. `value`: the text itself, which is not kept."""

    rule: Rule
    detector: Detector
    span: Span
    value: str


class Edit(msgspec.Struct, frozen=True, order=True):
    """Characters `start` to `end` of a text as it was, and what takes their place."""

    start: int
    end: int
    text: str


class _Cut(msgspec.Struct):
    """Characters to take out. `kept`: the caller may see them again; `token`: they are a token, to be put back."""

    start: int
    end: int
    kind: str
    kept: bool
    token: bool = False


def hits(
    rules: Sequence[Rule], text: str, *, whole: bool = True, aside: bool = False, first: FirstLook | None = None
) -> list[Hit]:
    """Everything that is found. `whole`: ask those, too, that judge a text as a whole. `aside`: the text is none that
    answers (`walking.Place`). `first`: a first look for the detectors of these rules."""
    found: list[Hit] = []
    quiet: frozenset[int] = frozenset()
    if first is not None and first.finds_nothing(text):
        if first.all_of_them:
            return found
        quiet = first.detectors
    for rule in rules:
        for detector in (*rule.quick, *rule.whole) if whole else rule.quick:
            if id(detector) in quiet or (aside and detector.name in OF_ANSWERS):
                continue
            for span in detector.find(text):
                if span.end > span.start:
                    found.append(Hit(rule, detector, span, mended(text[span.start : span.end])))
    return found


def edits_of(
    found: Iterable[Hit],
    seen: Seen,
    *,
    vault: Vault | None = None,
    tokens: Vault | None = None,
    until: int | None = None,
    json: bool = False,
) -> list[Edit]:
    """What has to change in the text that was seen: in order, none overlapping another.

    Args:
        vault: keeps what is taken out, and gives what stands for it. tokens: whose tokens are put back, as far as they
            end before `until`.
    """
    cuts = [
        _Cut(hit.span.start, hit.span.end, hit.span.kind, hit.rule.restores(hit.detector))
        for hit in found
        if hit.rule.enforced and hit.rule.guard.action == "redact"
    ]
    if tokens:
        last = len(seen.text) if until is None else until
        cuts += [_Cut(one.start, one.end, "", True, True) for one in tokens.find(seen.text) if one.end <= last]
    edits: list[Edit] = []
    for cut in _apart(cuts):
        value = mended(seen.text[cut.start : cut.end])
        if cut.token and tokens:
            new = escaped(tokens.value(value)) if json else tokens.value(value)
        elif cut.kept and vault is not None:
            new = vault.token(cut.kind, value)
        else:
            new = placeholder(cut.kind)
        edits.append(Edit(seen.raw(cut.start), seen.raw(cut.end), new))
    return edits


def _apart(cuts: list[_Cut]) -> list[_Cut]:
    """The cuts joined where they overlap: what is to go stays gone, whatever else is there."""
    joined: list[_Cut] = []
    for cut in sorted(cuts, key=lambda one: (one.start, -one.end)):
        last = joined[-1] if joined else None
        if last is None or cut.start >= last.end:
            joined.append(cut)
        elif last.token and not cut.token:
            cut.start, cut.end = last.start, max(last.end, cut.end)
            joined[-1] = cut
        elif not cut.token:
            last.end = max(last.end, cut.end)
            last.kept = last.kept and cut.kept
    return joined


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with what has to change changed."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]]) if parts else text


def mended(text: str) -> str:
    """The text without halves of surrogate pairs, which no UTF-8 can hold: pairs as what they are, others as U+FFFD."""
    if text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
