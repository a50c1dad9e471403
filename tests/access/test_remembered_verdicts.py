"""What `ask` remembers: never to be told from what a policy says that is asked for the first time."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access import asking
from gateway.access.asking import Verdict, ask
from gateway.access.policy import AccessPolicy
from gateway.core.model import Attributes, Catalogue, Model, Obligations
from gateway.core.principal import Principal
from gateway.core.target import Target
from tests.access.policies import NOW, access_of, allow, at, card, catalogue_of
from tests.access.policies import asked as question
from tests.access.worlds import ASKED, CALLERS, MOMENTS, OBLIGATIONS, compiled, models, policies

ONE = catalogue_of(card("m"))
WHO = Principal(key_id="k", tenant="acme", team="red")

REQUESTS = st.builds(
    lambda asked, prompt, hosted: msgspec.structs.replace(asked, prompt=prompt, hosted_tools=hosted if asked.tools else ()),
    ASKED, st.sampled_from(["", "", "a", "b"]), st.sampled_from([(), ("web_search",)]),
)  # fmt: skip
WANTED = st.builds(
    lambda obliged, prompt: msgspec.structs.replace(obliged, require_prompt=prompt), OBLIGATIONS, st.booleans()
)


def catalogue(named: Mapping[str, tuple[Target, ...]], cards: Mapping[Target, Model]) -> Catalogue:
    return Catalogue({**{model.name: (target,) for target, model in cards.items()}, **named}, cards)


@settings(max_examples=200)
@given(policies(), st.data(), st.lists(MOMENTS, min_size=1, max_size=3))
def test_a_verdict_is_what_a_policy_says_that_is_asked_nothing_else(policy, data, moments) -> None:  # type: ignore[no-untyped-def]
    """One policy object is asked about two catalogues, for several callers and requests, at moments that go forth and
    back."""
    rules, exceptions = policy
    rules = tuple(
        msgspec.structs.replace(one, obligations=data.draw(WANTED)) if one.effect == "allow" else one for one in rules
    )
    found = data.draw(st.lists(models(), min_size=1, max_size=3, unique_by=lambda model: model.place))
    cards = {model.target: model for model in found}
    places = st.lists(st.sampled_from([*cards, Target("x", "no-card")]), min_size=1, max_size=3, unique=True).map(tuple)
    catalogues = [catalogue({"route": data.draw(places)}, cards), catalogue({"route": data.draw(places)}, cards)]
    names = [*catalogues[0].names, "nonsense"]
    operations = st.sampled_from(["chat", "embeddings"])
    asked = data.draw(
        st.lists(st.tuples(CALLERS, st.sampled_from(names), operations, REQUESTS), min_size=1, max_size=3)
    )
    everything = compiled(rules, exceptions, *found)
    for now, (of, one) in product([*moments, *moments], product(catalogues, asked)):
        who, name, operation, request = one
        once = ask(compiled(rules, exceptions, *found), of, who, name, operation, request, now)
        assert ask(everything, of, who, name, operation, request, now) == once
        assert once.obliges == any(one.decision.obligations != Obligations() for one in once.permits)


def asked(policy: AccessPolicy, name: str = "m", **said: Any) -> Verdict:
    return ask(policy, ONE, WHO, name, "chat", Attributes(data_class="internal", **said), NOW)


@pytest.mark.parametrize(("obliged", "good", "bad", "code"), [
    ("forbid_tools: true", {}, {"tools": True}, "tools_not_allowed"),
    ("require_prompt: true", {"prompt": "a"}, {}, "prompt_required"),
])  # fmt: skip
def test_a_request_that_keeps_to_its_obligations_opens_nothing_for_one_that_does_not(
    obliged: str, good: dict[str, Any], bad: dict[str, Any], code: str
) -> None:
    policy = access_of("rules:\n" + allow("a", f"obligations: {{{obliged}}}"))
    for _ in range(2):
        assert asked(policy, **good).permits
        assert asked(policy, **bad).refusal.code == code


@pytest.mark.parametrize(("only", "good", "bad"), [
    ("tenants: [acme]", {}, {"tenant": "other"}),
    ("teams: [red]", {}, {"team": "blue"}),
    ("labels: {stage: 'test'}", {"labels": {"stage": "test"}}, {"labels": {"stage": "live"}}),
    ("claims: {g: ['x']}", {"claims": {"g": ("x",)}}, {}),
    ("models: [m]", {}, {"model": "other"}),
    ("operations: [chat]", {}, {"operation": "embeddings"}),
    ("data_classes: [internal]", {}, {"data_class": "confidential"}),
    ('when: "request.max_output_tokens < 7"', {"most": 6}, {"most": 7}),
    ("from: 2026-06-15, until: 2026-06-15", {}, {"now": at("2026-06-16")}),
])  # fmt: skip
def test_who_may_opens_nothing_for_who_may_not(only: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
    """Whatever of a question is another one, and a second later as well."""
    policy, two = access_of("rules:\n" + allow("a", only)), catalogue_of(card("m"), card("other"))
    for _ in range(2):
        assert question(policy, two, **good).permits
        assert not question(policy, two, **bad).permits


def test_what_is_remembered_is_bounded_and_holds_no_name_that_callers_make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_REMEMBERED", 3)
    policy = access_of("rules:\n" + allow("a", 'when: "request.max_output_tokens < 7"'))
    for number in range(10):
        assert bool(asked(policy, max_output_tokens=number).permits) == (number < 7)
        assert 0 < len(policy.kept(ONE, NOW)) <= 3
    before = dict(policy.kept(ONE, NOW))
    assert not asked(policy, "made up").permits
    assert policy.kept(ONE, NOW) == before


def test_the_same_question_is_judged_once() -> None:
    policy = access_of("rules:\n" + allow())
    assert asked(policy) is asked(policy)
