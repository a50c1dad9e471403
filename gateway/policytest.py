"""Tests of policies, run: each asked as a caller would be answered, and what is wrong said in words of the rules."""

from collections.abc import Iterator, Sequence

import msgspec

from gateway.access.asking import ask
from gateway.access.cases import NO_MODEL, Case, Names, Obliged, Placed
from gateway.access.explaining import Check, Question, considered
from gateway.access.refusing import TOOLS
from gateway.core.days import begins
from gateway.core.model import Attributes, Decision, Model, Obligations
from gateway.core.principal import Principal
from gateway.identity.callers import admitted
from gateway.policyset import OPERATION_WORDS, PolicySet


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as expected."""

    what: str
    expected: str
    got: str


class Unmatched(msgspec.Struct, frozen=True):
    """Why the rule that was to decide does not match: the conditions that do not hold, for one target and operation.
    Without any, it matches, and something else decides."""

    rule: str
    target: str
    operation: str
    missed: tuple[Check, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test.

    Attributes:
        target: what would serve it; empty where it is refused.
        deciders: the rules and exceptions that the decision follows from.
        differences: what is not as expected; a test without any has passed.
    """

    placed: Placed
    decision: Decision
    target: str
    deciders: frozenset[str]
    differences: tuple[Difference, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences


class Coverage(msgspec.Struct, frozen=True):
    """Which rules and exceptions some test depends on, by id."""

    covered: tuple[str, ...]
    uncovered: tuple[str, ...]


def names_of(policies: PolicySet) -> Names:
    """The words that tests of these policies may use."""
    catalogue = policies.catalogue
    reached = {str(target) for targets in catalogue.names.values() for target in targets}
    return Names(
        teams=policies.tenants.teams,
        data_classes=policies.tenants.data_classes,
        models=catalogue.names.keys(),
        targets=reached | {str(target) for target in catalogue.models},
        operations=OPERATION_WORDS,
        rules=frozenset(one.id for one in policies.access.entries.all),
    )


def run_cases(policies: PolicySet, cases: Sequence[Placed], now: float) -> list[Outcome]:
    """Each test's outcome. `now`: Unix seconds, for tests that name no moment."""
    return [_run(policies, placed, now) for placed in cases]


def coverage(policies: PolicySet, outcomes: Sequence[Outcome]) -> Coverage:
    """Which rules decide some test: a deny that refuses it or would, were it not in audit mode; an allow or an
    exception that allows it."""
    hit = {rule for outcome in outcomes for rule in outcome.deciders}
    every = [one.id for one in policies.access.entries.all]
    return Coverage(tuple(one for one in every if one in hit), tuple(one for one in every if one not in hit))


def _run(policies: PolicySet, placed: Placed, now: float) -> Outcome:
    case = placed.case
    at = now if case.at is None else begins(case.at)
    principal, attributes = _asker(policies, case)
    policy, catalogue = policies.access, policies.catalogue
    verdict = ask(policy, catalogue, principal, case.model, case.operation, attributes, at)
    serving = verdict.permits[0].model if verdict.permits else None
    decision = verdict.permits[0].decision if verdict.permits else verdict.refusal
    questions: list[Question] = []
    for model in _judged(policies, case, serving):
        questions.append(policy.question(principal, model, case.operation, attributes, at))
        if attributes.tools and policy.decide(principal, model, case.operation, attributes, at).allowed:
            questions.append(policy.question(principal, model, TOOLS, attributes, at))
    deciders = frozenset(rule for question in questions for rule in policy.deciders(question))
    target = "" if serving is None else serving.place
    differences = tuple(_differences(case, decision, target, deciders, hidden=policy.hide))
    unmatched = tuple(_unmatched(policies, case, questions)) if differences and case.rule not in deciders else ()
    return Outcome(
        placed=placed,
        decision=decision,
        target=target,
        deciders=deciders,
        differences=differences,
        unmatched=unmatched,
    )


def _asker(policies: PolicySet, case: Case) -> tuple[Principal, Attributes]:
    who = case.who
    principal = admitted(
        Principal(
            key_id=who.key,
            tenant=who.tenant,
            team=who.team,
            labels=who.labels,
            claims=who.claims,
            data_class=who.data_class,
        ),
        policies.tenants,
    )
    assert principal is not None, "tests are read against the tenants there are"
    asked = case.request
    return principal, Attributes(
        data_class=principal.data_class,
        stream=asked.stream,
        max_output_tokens=asked.max_output_tokens,
        tools=asked.tools,
        hosted_tools=tuple(sorted(asked.hosted_tools)),
        prompt=asked.prompt,
    )


def _judged(policies: PolicySet, case: Case, serving: Model | None) -> Iterator[Model]:
    """The models whose decisions the answer follows from: up to the one that serves, or all if none does."""
    for _, model in policies.catalogue.of(policies.catalogue.names.get(case.model, ())):
        if model is not None:
            yield model
            if serving is not None and model.target == serving.target:
                return


def _differences(
    case: Case, decision: Decision, target: str, deciders: frozenset[str], *, hidden: bool
) -> Iterator[Difference]:
    effect = "allow" if decision.allowed else "deny"
    if effect != case.expect:
        yield Difference("decision", case.expect, effect)
    if case.rule and case.rule not in deciders:
        yield Difference("rule", case.rule, decision.rule_id or "none")
    if case.basis is not None and case.basis != decision.basis:
        yield Difference("basis", case.basis, decision.basis)
    if effect != case.expect:
        return  # all else follows from that
    if case.code is not None and case.code != decision.code and not (hidden and case.code == NO_MODEL):
        yield Difference("code", case.code, decision.code)
    if case.target and case.target != target:
        yield Difference("target", case.target, target)
    if case.obligations is not None:
        yield from _obliged(case.obligations, decision.obligations)
    if case.would_deny is not None and set(case.would_deny) != set(decision.would_deny):
        yield Difference("would_deny", _listed(case.would_deny), _listed(decision.would_deny))


def _obliged(wanted: Obliged, found: Obligations) -> Iterator[Difference]:
    for name in ("regions", "guards"):
        words: tuple[str, ...] | None = getattr(wanted, name)
        got: tuple[str, ...] = getattr(found, name) or ()
        if words is not None and set(words) != set(got):
            yield Difference(f"obligations.{name}", _listed(words), _listed(got))
    for name in ("max_output_tokens", "forbid_tools", "no_content", "require_prompt"):
        expected: int | None = getattr(wanted, name)
        value: int = getattr(found, name) or (0 if expected is None else type(expected)())
        if expected is not None and expected != value:
            yield Difference(f"obligations.{name}", _said(expected), _said(value))


def _unmatched(policies: PolicySet, case: Case, questions: Sequence[Question]) -> Iterator[Unmatched]:
    """Why the expected rule does not decide."""
    for one in policies.access.entries.all:
        if one.id == case.rule:
            for question in questions:
                found = considered(one, question)
                missed = tuple(check for check in found.checks if not check.holds)
                yield Unmatched(one.id, question.model.place, question.operation, missed)


def _said(value: int) -> str:
    return str(value).lower() if isinstance(value, bool) or value else "none"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(sorted(words)) or "none"
