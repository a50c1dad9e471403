"""What is said of rules at a glance, held against every call there can be in a small world."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.access.reach import Reach, World
from gateway.access.rules import PolicyException, Rule
from gateway.core.model import USABLE, Attributes, Life, Model
from gateway.core.principal import Principal
from gateway.core.target import Target
from tests.access.worlds import CLASSES, MOMENTS, NAMES, NOW, compiled, matches, meaning, models, policies

OPERATIONS = ("chat", "embeddings", "tools")
DAY = 86_400
LABELS = ({}, {"env": "dev"}, {"env": "prod"})
CLAIMS = ({}, {"groups": ("x",)}, {"groups": ("z", "yes")})
REQUESTS = (
    {"stream": False, "max_output_tokens": 500, "tools": True},
    {"stream": True, "max_output_tokens": 0, "tools": False},
)
Question = tuple[Principal, Model, str, Attributes, float]

TEAMS = st.dictionaries(
    st.tuples(NAMES, NAMES), st.integers(0, 2).map(lambda least: CLASSES[least:]), min_size=1, max_size=2
)
SOME_MODELS = st.lists(models(), min_size=1, max_size=2, unique_by=lambda model: model.place)


def questions(teams: Mapping[tuple[str, str], Sequence[str]], found: Sequence[Model], times: Sequence[float]) -> Iterator[Question]:  # fmt: skip
    """Every call that the world allows for."""
    for (tenant, team), labels, claims in product(teams, LABELS, CLAIMS):
        who = Principal(key_id="k", tenant=tenant, team=team, labels=labels, claims=claims)
        for data_class, request in product(teams[tenant, team], REQUESTS):
            asked = Attributes(data_class=data_class, **request)
            yield from (
                (who, model, operation, asked, now) for model, operation, now in product(found, OPERATIONS, times)
            )


def asks(one: Any, question: Question) -> bool:
    """Whether the rule is asked, and matches."""
    who, model, operation, asked, now = question
    status = model.life.status(now)
    return status in USABLE and matches(one, who, model, status, operation, asked, now)


@settings(max_examples=150, deadline=None)
@given(policies(), TEAMS, SOME_MODELS, MOMENTS)
def test_what_is_said_to_match_nothing_matches_nothing(policy, teams, found, now) -> None:  # type: ignore[no-untyped-def]
    rules, exceptions = policy
    entries = compiled(rules, exceptions, *found).entries
    reach = Reach(entries, World(teams=teams, operations=OPERATIONS, models=found), now)
    for number, one in enumerate(entries.all):
        if one.ends > now and reach.out_of_reach(number) is not None:
            event("out of reach")
            assert not any(asks(one.source, question) for question in questions(teams, found, (now, now + DAY)))
    for number, other in product(range(len(entries.all)), repeat=2):
        if number < other and not reach.meet(number, other):
            one, two = entries.all[number].source, entries.all[other].source
            met = (asks(one, question) and asks(two, question) for question in questions(teams, found, (now,)))
            assert not any(met)


@settings(max_examples=150, deadline=None)
@given(policies(), TEAMS, SOME_MODELS)
def test_what_is_not_said_to_match_nothing_matches_something(policy, teams, found) -> None:  # type: ignore[no-untyped-def]
    """Where nothing is asked of labels, claims and requests."""
    rules, exceptions = policy
    found = [msgspec.structs.replace(model, life=Life(approved_from=0)) for model in found]
    entries = compiled(rules, exceptions, *found).entries
    reach = Reach(entries, World(teams=teams, operations=OPERATIONS, models=found), NOW)
    for number, one in enumerate(entries.all):
        source = one.source
        if source.labels or source.environments or source.claims or source.when or not one.begins <= NOW < one.ends:
            continue
        matched = any(asks(source, question) for question in questions(teams, found, (NOW,)))
        assert matched == (reach.out_of_reach(number) is None)


@st.composite
def contradictory(draw: st.DrawFn) -> tuple[tuple[Rule, ...], tuple[Any, ...]]:
    """Policies in which a deny often says what an allow says, or nearly."""
    rules, exceptions = draw(policies())
    for allow in [rule for rule in rules if rule.effect == "allow"]:
        kept = {
            name: value
            for name in Rule.__struct_fields__
            if (value := getattr(allow, name)) is not None
            and name not in ("id", "effect", "obligations", "mode")
            and draw(st.integers(0, 3))
        }
        kept |= {"owner": "o", "reason": "r"} | draw(
            st.sampled_from([{}, {"data_classes": ("internal",)}, {"models": ("a*",)}])
        )
        rules = (*rules, Rule(id=f"d{allow.id}", effect="deny", **kept))
    return rules, exceptions


@settings(max_examples=200, deadline=None)
@given(contradictory(), TEAMS, SOME_MODELS, MOMENTS)
def test_what_is_said_to_be_shadowed_is_refused(policy, teams, found, now) -> None:  # type: ignore[no-untyped-def]
    rules, exceptions = policy
    entries = compiled(rules, exceptions, *found).entries
    reach = Reach(entries, World(teams=teams, operations=OPERATIONS, models=found), now)
    for number, one in enumerate(entries.all):
        if one.ends <= now or entries.denies >> number & 1 or reach.out_of_reach(number) is not None:
            continue
        deny = reach.shadow(number)
        if deny is None:
            continue
        event("shadowed")
        for question in questions(teams, found, (now, now + DAY)):
            if asks(one.source, question):
                assert asks(deny.source, question)
                assert not meaning(rules, exceptions, *question).allowed


ALLOW = {"id": "a", "effect": "allow", "owner": "o", "reason": "r"}
DENY = {"id": "d", "effect": "deny", "owner": "o", "reason": "r"}
WORLD = World(
    teams={("acme", "red"): CLASSES, ("acme", "blue"): CLASSES[1:]},
    operations=OPERATIONS,
    models=[],
)


def model(name: str, **facts: Any) -> Model:
    facts = {"life": Life(approved_from=0)} | facts
    return Model(name=name, target=Target("p", name), place=f"p/{name}", **facts)


EU, US = model("eu", region="eu-west"), model("us", region="us-east")
OLD = model("old", life=Life(approved_from=0, deprecated_from=0))


@pytest.mark.parametrize(
    ("allow", "deny", "shadowed"),
    [
        ({}, {}, True),
        ({"models": ("eu",)}, {"regions": ("eu-*",)}, True),
        ({"models": ("eu",)}, {"regions": ("us-*",)}, False),
        ({"models": ("old",)}, {"regions": ("us-*",)}, True),  # its card does not tell where it is
        ({"models": ("eu", "us")}, {"models": ("*u*",)}, True),
        ({"models": ("old",)}, {"statuses": ("deprecated",)}, True),
        ({"models": ("old",)}, {"statuses": ("approved",)}, False),
        ({}, {"teams": ("red", "blue")}, True),
        ({}, {"teams": ("red",)}, False),
        ({"teams": ("blue",)}, {"data_classes": ("internal", "confidential")}, True),
        ({"teams": ("red",)}, {"data_classes": ("internal", "confidential")}, False),
        ({}, {"operations": OPERATIONS}, True),
        ({}, {"operations": ("chat",)}, False),
        ({}, {"when": "request.tools || !request.tools"}, False),
        ({"when": "request.tools"}, {}, True),
        ({}, {"mode": "audit"}, False),
        ({}, {"environments": ("*",)}, True),
        ({"environments": ("dev",)}, {"environments": ("d*", "x")}, True),
        ({"environments": ("d*",)}, {"environments": ("d*",)}, True),
        ({"environments": ("dev",)}, {"environments": ("prod",)}, False),
        ({}, {"environments": ("prod",)}, False),
        ({"labels": {"app": "x"}}, {"labels": {"app": "*"}}, True),
        ({"labels": {"app": "x", "b": "c"}}, {"labels": {"app": "x"}}, True),
        ({}, {"labels": {"app": "*"}}, False),
        ({"labels": {"app": "*"}}, {"labels": {"app": "x"}}, False),
        ({"claims": {"groups": ("x", "y")}}, {"claims": {"groups": ("x", "y", "z")}}, True),
        ({"claims": {"groups": ("x", "y")}}, {"claims": {"groups": ("x",)}}, False),
        ({}, {"from_": "2026-01-01", "until": "2026-02-01"}, False),
        ({"until": "2026-02-01"}, {"from_": "2026-01-01", "until": "2026-02-01"}, True),
        ({"from_": "2026-01-20", "until": "2026-02-01"}, {"from_": "2026-01-10"}, True),
    ],
)
def test_shadows_by_example(allow: dict[str, Any], deny: dict[str, Any], shadowed: bool) -> None:
    entries = compiled((Rule(**ALLOW, **allow), Rule(**DENY, **deny)), (), EU, US, OLD).entries
    world = msgspec.structs.replace(WORLD, models=[EU, US, OLD])
    found = Reach(entries, world, NOW).shadow(0)
    assert (None if found is None else found.id) == ("d" if shadowed else None)


def test_what_an_exception_lifts_shadows_nothing() -> None:
    rules = (Rule(**ALLOW), Rule(**DENY))
    lifting = PolicyException(
        id="x",
        owner="o",
        approver="p",
        reason="r",
        teams=("red",),
        lifts=("d",),
        from_="2026-02-01",
        until="2026-03-01",
    )
    world = msgspec.structs.replace(WORLD, models=[EU])
    assert Reach(compiled(rules, (lifting,), EU).entries, world, NOW).shadow(0) is None
    over = msgspec.structs.replace(lifting, from_="2025-02-01", until="2025-03-01")
    assert Reach(compiled(rules, (over,), EU).entries, world, NOW).shadow(0) is not None


@pytest.mark.parametrize(
    ("life", "reached"),
    [
        (Life(), True),  # a draft may be approved any day
        (Life(approved_from=NOW + DAY), True),
        (Life(approved_from=0, approved_until=NOW - DAY), True),
        (Life(approved_from=0, deprecated_from=0, sunset=NOW - DAY), False),
        (Life(approved_from=0, deprecated_from=0, sunset=NOW + DAY), True),
        (Life(approved_from=0, revoked_from=NOW - DAY), False),
        (Life(approved_from=0, revoked_from=NOW + DAY), True),
    ],
)
def test_what_has_ended_for_good_is_out_of_reach(life: Life, reached: bool) -> None:
    ended = model("ended", life=life)
    entries = compiled((Rule(**ALLOW, models=("ended",)),), (), ended).entries
    found = Reach(entries, msgspec.structs.replace(WORLD, models=[ended, EU]), NOW).out_of_reach(0)
    assert found == (None if reached else "models")
