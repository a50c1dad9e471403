"""The decision: equal to a naive reading of the rules, whatever is remembered, in whatever order they stand."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.asking import ask, usable
from gateway.core.model import Attributes, Catalogue, Decision, Model
from gateway.core.principal import Principal
from gateway.core.target import Target
from tests.access.worlds import ASKED, CALLERS, MOMENTS, NAMES, Meaning, compiled, meaning, models, policies

OPERATIONS = st.sampled_from(["chat", "embeddings", "tools"])


def comes_to(decision: Decision) -> Meaning:
    return Meaning(decision.allowed, frozenset(decision.would_deny), decision.obligations.max_output_tokens)


@settings(max_examples=300)
@given(
    policies(),
    st.lists(st.tuples(CALLERS, models(), OPERATIONS, ASKED), min_size=1, max_size=4),
    st.lists(MOMENTS, min_size=1, max_size=4),
    st.randoms(),
)
def test_a_decision_is_what_the_rules_say(policy, questions, moments, die: random.Random) -> None:  # type: ignore[no-untyped-def]
    """One policy object is asked the same questions at moments that go forth and back: nothing remembered may be
    wrong."""
    rules, exceptions = policy
    cards: dict[str, Model] = {}
    questions = [(who, cards.setdefault(model.place, model), *rest) for who, model, *rest in questions]
    everything = compiled(rules, exceptions, *cards.values())
    shuffled = compiled(tuple(die.sample(rules, len(rules))), exceptions, *cards.values())
    for now in [*moments, *moments]:
        for who, model, operation, asked in questions:
            decision = everything.decide(who, model, operation, asked, now)
            assert comes_to(decision) == meaning(rules, exceptions, who, model, operation, asked, now)
            assert shuffled.decide(who, model, operation, asked, now) == decision
            assert bool(decision.code) != decision.allowed
            assert decision.allowed or (decision.reason and decision.remedy)


@settings(max_examples=200)
@given(policies(), CALLERS, models(), OPERATIONS, ASKED, MOMENTS)
def test_an_explanation_agrees_with_the_decision(policy, who, model, operation, asked, now) -> None:  # type: ignore[no-untyped-def]
    """What a rule's explanation calls a match is what decides."""
    found = compiled(*policy, model)
    decision = found.decide(who, model, operation, asked, now)
    rules = {one.rule_id: one for one in found.explain(found.question(who, model, operation, asked, now))}
    assert len(rules) == sum(map(len, policy))
    if decision.basis in ("rule", "exception", "condition"):
        assert rules[decision.rule_id].matched
    matched = [one for one in rules.values() if one.matched and one.mode == "enforce"]
    if decision.basis == "no_rule":
        assert not [one for one in matched if one.effect != "deny"]
    for one in rules.values():
        assert one.matched == (not one.missed)


@settings(max_examples=200)
@given(policies(), CALLERS, st.data(), MOMENTS)
def test_a_model_is_listed_if_and_only_if_some_call_of_it_is_not_refused(policy, who: Principal, data, now) -> None:  # type: ignore[no-untyped-def]
    """Cards, aliases and routes alike, with several targets, some without a card."""
    found = data.draw(st.lists(models(), max_size=4, unique_by=lambda model: model.place))
    cards: dict[Target, Model] = {model.target: model for model in found}
    places = st.lists(st.sampled_from([*cards, Target("x", "no-card")]), min_size=1, max_size=3, unique=True).map(tuple)
    names = {model.name: (model.target,) for model in found} | data.draw(st.dictionaries(st.just("route"), places))
    catalogue = Catalogue(names, cards)
    rules, exceptions = policy
    access = compiled(rules, exceptions, *found)
    operations = ("chat", "embeddings")
    served = data.draw(st.frozensets(NAMES))
    listed = usable(access, catalogue, who, operations, "internal", now, served)
    requests = [
        Attributes(data_class="internal", stream=stream, max_output_tokens=size, tools=tools)
        for stream in (False, True) for size in (0, 500) for tools in (False, True)
    ]  # fmt: skip
    request_bound = any("request." in one.when for one in (*rules, *exceptions))
    for name in names:
        permits = [
            permit
            for operation in operations
            for request in requests
            for permit in ask(access, catalogue, who, name, operation, request, now).permits
            if permit.model.provider in served
        ]
        if permits:
            assert name in listed
        elif not request_bound:  # conditions on requests are each taken for the best they could be
            assert name not in listed
    assert ask(access, catalogue, who, "nonsense", "chat", requests[0], now).refusal.code == "model_not_found"


@given(st.dictionaries(NAMES, NAMES, max_size=2), st.dictionaries(NAMES, NAMES, max_size=2))
def test_callers_with_different_facts_never_look_alike(one: dict[str, str], other: dict[str, str]) -> None:
    facts = [Principal(key_id="k", tenant="t", team="a", labels=labels).facts for labels in (one, other)]
    assert (facts[0] == facts[1]) == (one == other)
