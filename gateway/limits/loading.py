"""Reading policies/limits.yaml, and everything that is checked besides its shape."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from gateway.core.days import begins, ends
from gateway.core.money import decimal_text
from gateway.limits.document import BY_NAME, CALENDAR, FIGURES, Limit, LimitsFile, Match, Raise
from gateway.limits.matching import CLAIM, OF_A_TENANT, WORDS
from gateway.limits.rules import LimitPolicy, amount_of
from gateway.stores.documents import Document, Known, Text, check_known, load_document
from gateway.stores.files import digest
from gateway.stores.wording import nearest, why_no_id
from gateway.stores.yamltree import Path_

_LISTS = ("tenants", "teams", "keys", "models", "model_groups", "users", "prompts", "agents")
MAX_AMOUNT = 2**53
NOTHING_UNNOTED: Mapping[str, str] = {}


def read_limits(
    source: Path | Text, known: Known | None = None, unnoted: Mapping[str, str] = NOTHING_UNNOTED
) -> LimitPolicy:
    """The limits in the file.

    Args:
        known: the tenants and teams there are. unnoted: words of `per` that no call has → what to write in config.yaml.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a limit that limits nothing or is not
            positive, a list that matches nothing, a word that is none of those there are or that no call has, or
            keys that do not go together.
    """
    document = load_document(source, LimitsFile)
    file = document.value
    seen: set[str] = set()
    _check_zone(document, ("zone",), file.zone)
    for name, globs in file.model_groups.items():
        if not globs:
            raise document.error(("model_groups", name), f"the model group `{name}` is empty")
    for index, limit in enumerate(file.limits):
        where = ("limits", index)
        why = why_no_id(limit.id, seen, "limit id")
        if why or "|" in limit.id:
            raise document.error((*where, "id"), why or f"the limit id `{limit.id}` has a `|` in it")
        seen.add(limit.id)
        _check_match(document, (*where, "match"), limit.match, known or {})
        _check_per(document, where, limit)
        _check_noted(document, where, limit, unnoted)
        _check_figures(document, where, limit)
        _check_spans(document, where, limit)
        for number, one in enumerate(limit.raises):
            _check_raise(document, (*where, "raises", number), limit, one)
    for name in ("weights", "priorities"):
        for index, rule in enumerate(getattr(file.sharing, name)):
            _check_match(document, ("sharing", name, index, "match"), rule.match, known or {})
    if not 1 <= file.default_output_tokens <= MAX_AMOUNT:
        reason = f"default_output_tokens must be at least 1 and at most {MAX_AMOUNT}"
        raise document.error(("default_output_tokens",), reason)
    return LimitPolicy(file, digest(document.data))


def _check_match(document: Document[LimitsFile], where: Path_, match: Match, known: Known) -> None:
    for name in _LISTS:
        if getattr(match, name) == ():
            raise document.error((*where, name), f"an empty `{name}` matches nothing; leave it out")
    check_known(document, where, match, known)
    groups = list(document.value.model_groups)
    for number, group in enumerate(match.model_groups or ()):
        if group not in groups:
            reason = f"the model group `{group}` is not declared under model_groups{nearest(group, groups)}"
            raise document.error((*where, "model_groups", number), reason)


def _check_per(document: Document[LimitsFile], where: Path_, limit: Limit) -> None:
    for number, word in enumerate(limit.per):
        if word in limit.per[:number]:
            raise document.error((*where, "per", number), f"`{word}` stands twice")
        _check_word(document, (*where, "per", number), word)
    if "model_group" in limit.per and not document.value.model_groups:
        raise document.error((*where, "per"), "per model_group, but no model_groups are declared in this file")


def _check_noted(document: Document[LimitsFile], where: Path_, limit: Limit, unnoted: Mapping[str, str]) -> None:
    """A limit by what no call has counts nobody, or everybody as one."""
    for word, text in unnoted.items():
        reason = f"config.yaml notes no {word}s of calls; write `{text}` there, or do not limit by {word}s"
        if word in limit.per:
            raise document.error((*where, "per", limit.per.index(word)), reason)
        if getattr(limit.match, f"{word}s", None) is not None:
            raise document.error((*where, "match", f"{word}s"), reason)


def _check_word(document: Document[LimitsFile], path: Path_, word: str) -> None:
    if word in WORDS or (word.startswith(CLAIM) and len(word) > len(CLAIM)):
        return
    raise document.error(path, f"`{word}` is not a word for this{nearest(word, [*WORDS, CLAIM + '<name>'])}")


def _check_figures(document: Document[LimitsFile], where: Path_, limit: Limit) -> None:
    found = [figure for figure in FIGURES if getattr(limit, figure.name) is not None]
    if not found:
        raise document.error(where, "limits nothing; it needs a figure such as requests_per_minute or cost_per_month")
    for figure in found:
        try:
            amount = amount_of(figure.dimension, getattr(limit, figure.name))
        except ValueError as error:
            raise document.error((*where, figure.name), str(error)) from None
        if amount < 1:
            reason = "a limit must be more than nothing; to forbid something, deny it in access.yaml"
            raise document.error((*where, figure.name), reason)
        if figure.dimension != "cost" and amount > MAX_AMOUNT:
            raise document.error((*where, figure.name), f"a limit can be {MAX_AMOUNT} at most; leave it out for none")


def _check_spans(document: Document[LimitsFile], where: Path_, limit: Limit) -> None:
    """Keys that say nothing beside the others are slips of the pen."""
    calendar = any(figure.unit in CALENDAR and getattr(limit, figure.name) is not None for figure in FIGURES)
    if limit.rolling and not calendar:
        raise document.error((*where, "rolling"), "`rolling` is for figures per day and per month; others always are")
    if limit.zone is not None:
        if not calendar or limit.rolling:
            raise document.error((*where, "zone"), "`zone` is for figures per day and per month that are not rolling")
        _check_zone(document, (*where, "zone"), limit.zone)
    if (limit.on_exceeded == "queue") != (limit.queue_ms is not None):
        raise document.error((*where, "queue_ms"), "`on_exceeded: queue` and `queue_ms` go together")


def _check_zone(document: Document[LimitsFile], path: Path_, zone: str) -> None:
    known = available_timezones()
    if zone not in known:
        close = nearest(zone, sorted(known))
        said = close if close.startswith("; did") else "; it is a name such as Europe/Berlin"
        raise document.error(path, f"`{zone}` is not a time zone of the IANA database{said}")


def _check_raise(document: Document[LimitsFile], where: Path_, limit: Limit, one: Raise) -> None:
    def wrong(name: str, reason: str) -> Any:
        return document.error((*where, name), reason)

    for name in ("owner", "reason"):
        if not getattr(one, name).strip():
            raise wrong(name, f"`{name}` is empty: a raise has somebody who answers for it, and a reason")
    own = [figure.name for figure in FIGURES if getattr(limit, figure.name) is not None]
    if one.figure and one.figure not in own:
        raise wrong("figure", f"`{one.figure}` is no figure of `{limit.id}`{nearest(one.figure, own)}")
    if (one.maximum is None) == (one.factor is None):
        raise document.error(where, "a raise has either a `maximum` or a `factor`")
    if one.factor is not None and not (one.factor.is_finite() and 1 < one.factor <= 1_000_000):
        raise wrong("factor", "a factor is more than 1; to lower a limit, change its figure")
    if one.maximum is not None:
        if not one.figure:
            raise wrong("maximum", f"a `maximum` needs to know its `figure`; one of {', '.join(own)}")
        _check_raised(document, where, limit, one.figure, one.maximum)
    _check_time(document, where, one)
    for word in one.scope:
        if word not in OF_A_TENANT and word not in limit.per:
            allowed = sorted({*OF_A_TENANT, *limit.per})
            raise document.error((*where, "scope", word), f"`{word}` is not a word for this{nearest(word, allowed)}")


def _check_time(document: Document[LimitsFile], where: Path_, one: Raise) -> None:
    name = "until"
    try:
        over = ends(one.until)
        name = "from"
        if one.from_ is not None and over <= begins(one.from_):
            raise document.error((*where, "until"), "`until` must be after `from`")
    except ValueError as error:
        raise document.error((*where, name), str(error)) from None


def _check_raised(document: Document[LimitsFile], where: Path_, limit: Limit, name: str, maximum: Decimal) -> None:
    dimension = BY_NAME[name].dimension
    try:
        raised, base = amount_of(dimension, maximum), amount_of(dimension, getattr(limit, name))
    except (ValueError, ArithmeticError) as error:
        raise document.error((*where, "maximum"), str(error)) from None
    if dimension != "cost" and raised > MAX_AMOUNT:
        raise document.error((*where, "maximum"), f"a limit can be {MAX_AMOUNT} at most")
    if raised <= base:
        shown = decimal_text(base) if dimension == "cost" else base
        raise document.error((*where, "maximum"), f"is not more than the limit's own {name}, {shown}")
