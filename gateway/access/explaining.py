"""Rule by rule, condition by condition: what a decision was made of. Slow and literal; the quick way is `masks.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.conditions import ConditionError, model_values, request_values, subject_values
from gateway.access.entries import MAY_BE_UNKNOWN, MODEL_WORDS, WORDS, Entry
from gateway.access.rules import Rule
from gateway.core.globs import compile_globs
from gateway.core.model import Attributes, Model
from gateway.core.principal import Principal


class Check(msgspec.Struct, frozen=True):
    """One condition of a rule. `wanted` as the file says it, `found` as it is."""

    name: str
    wanted: str
    found: str
    holds: bool


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as an explanation shows it. `effect`: allow, deny or exception; `missed`: what does not hold."""

    rule_id: str
    effect: str
    mode: str
    matched: bool
    missed: tuple[str, ...]
    checks: tuple[Check, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision is about."""

    principal: Principal
    model: Model
    operation: str
    attributes: Attributes
    now: float
    data_level: int = 0


def considered(one: Entry, question: Question) -> Considered:
    """The rule, and which of its conditions hold."""
    checks = tuple(_checks(one, question))
    missed = tuple(check.name for check in checks if not check.holds)
    source = one.source
    effect = source.effect if isinstance(source, Rule) else "exception"
    mode = source.mode if isinstance(source, Rule) else "enforce"
    return Considered(rule_id=one.id, effect=effect, mode=mode, matched=not missed, missed=missed, checks=checks)


def missing_for(one: Entry, question: Question) -> str:
    """What the rule would need to match, in words."""
    checks = [check for check in _checks(one, question) if not check.holds]
    return " and ".join(f"{check.name} {check.wanted}" for check in checks)


def _checks(one: Entry, question: Question) -> list[Check]:
    source, now = one.source, question.now
    checks: list[Check] = []
    if source.from_ is not None or source.until is not None:
        period = f"{source.from_ or '…'} to {source.until or '…'}"
        checks.append(Check("time", period, "now", one.begins <= now < one.ends))
    found = _words_of(question)
    for name in WORDS:
        wanted: tuple[str, ...] | None = getattr(source, name)
        if wanted is not None:
            checks.append(_word_check(name, wanted, found[name], denies=_denies(one)))
    for name, pattern in (source.labels or {}).items():
        value = question.principal.labels.get(name)
        holds = value is not None and compile_globs((pattern,))(value)
        checks.append(Check(f"labels.{name}", pattern, value or "", holds))
    for name, patterns in (source.claims or {}).items():
        values = question.principal.claims.get(name, ())
        holds = any(compile_globs(patterns)(value) for value in values)
        checks.append(Check(f"claims.{name}", _one_of(patterns), ", ".join(values), holds))
    if source.trains_on_inputs is not None:
        trains = question.model.trains_on_inputs is not False
        said = str(source.trains_on_inputs).lower()
        checks.append(Check("trains_on_inputs", said, str(trains).lower(), trains == source.trains_on_inputs))
    if one.condition is not None:
        checks.append(_condition_check(one, question))
    return checks


def _denies(one: Entry) -> bool:
    return isinstance(one.source, Rule) and one.source.effect == "deny"


def _word_check(name: str, wanted: Sequence[str], found: Sequence[str], *, denies: bool) -> Check:
    test = compile_globs(wanted)
    holds = any(test(word) for word in found)
    if denies and name in MAY_BE_UNKNOWN and not found[0]:
        return Check(name, _one_of(wanted), "not known", True)  # what a card does not tell counts against it
    return Check(name, _one_of(wanted), ", ".join(found), holds)


def _condition_check(one: Entry, question: Question) -> Check:
    assert one.condition is not None, "asked of entries with a condition"
    try:
        holds = one.condition.holds(values_of(question))
    except ConditionError as error:
        return Check("when", one.condition.text, f"cannot be evaluated: {error}", _denies(one))
    return Check("when", one.condition.text, str(holds).lower(), holds)


def values_of(question: Question) -> Mapping[str, Any]:
    """Everything a condition can see."""
    return {
        **subject_values(question.principal),
        **model_values(question.model, question.now),
        **request_values(question.operation, question.attributes, question.data_level),
    }


def _words_of(question: Question) -> Mapping[str, Sequence[str]]:
    principal, model = question.principal, question.model
    return {
        "tenants": (principal.tenant,),
        "teams": (principal.team,),
        "environments": (principal.environment,),
        "data_classes": (question.attributes.data_class,),
        "operations": (question.operation,),
        "statuses": (model.life.status(question.now),),
        **{name: words(model) for name, words in MODEL_WORDS.items()},
    }


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
