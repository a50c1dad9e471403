"""The semantic difference: what it finds is so, what is so it finds, the same both ways, soon."""

import random
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.asking import judge
from gateway.access.changes import Change, Kind
from gateway.access.comparing import Comparison, compare
from gateway.access.conditions import Compiler
from gateway.access.entries import entry
from gateway.access.policy import AccessPolicy
from gateway.access.representing import attributes, facts
from gateway.access.rules import PolicyException, Rule
from gateway.access.sides import Side
from gateway.core.model import Catalogue, Life, Model
from gateway.core.principal import Principal
from gateway.core.target import Target
from tests.access.worlds import CLASSES, NOW, compiled, models, policies

OPERATIONS = ("chat", "embeddings")
TEAMS = st.dictionaries(
    st.sampled_from([("a", "a"), ("a", "b"), ("gpt-4o", "ab")]), st.sampled_from(CLASSES), min_size=1
)


def catalogue_of(found: list[Model], aliased: bool = False) -> Catalogue:
    names = {model.place: (model.target,) for model in found}
    return Catalogue(
        names | ({"alias": names[found[0].place]} if aliased and found else {}), {m.target: m for m in found}
    )


@st.composite
def versions(draw: st.DrawFn) -> tuple[Side, Side]:
    """Two versions that have much in common: some rules, cards and teams are changed."""
    cards = draw(st.lists(models(), max_size=3, unique_by=lambda model: model.place))
    rules, exceptions = draw(policies())
    sides: list[Side] = []
    teams = draw(TEAMS)
    others, _ = draw(policies())
    taken = {one.id for one in (*rules, *exceptions)}
    fresh = tuple(one for one in others if one.id not in taken)
    for number in range(2):
        kept = tuple(one for one in rules if not number or draw(st.booleans()) or draw(st.booleans()))
        kept = tuple(
            msgspec.structs.replace(one, mode=draw(st.sampled_from(["enforce", "audit"]))) if number else one
            for one in kept
        )
        added = fresh if number and draw(st.booleans()) else ()
        ids = {one.id for one in (*kept, *added)}
        granted = tuple(
            msgspec.structs.replace(one, lifts=tuple(rule for rule in one.lifts if rule in ids)) for one in exceptions
        )
        own = [card for card in cards if not number or draw(st.integers(0, 3))]
        if number and draw(st.booleans()):
            teams = draw(TEAMS)
        policy = compiled((*kept, *added), granted, *own)
        sides.append(Side(policy, catalogue_of(own), teams))
    return sides[0], sides[1]


def decided(side: Side, who: Principal, target: Target, operation: str, said: str, values: dict[str, Any]) -> Any:
    """What a caller gets; None where it is refused."""
    own = side.classes.get((who.tenant, who.team))
    model = side.catalogue.models.get(target)
    if own is None or model is None:
        return None
    data_class = max(own, said or own, key=CLASSES.index)
    decision = judge(side.policy, who, model, operation, attributes(values, data_class), NOW)
    if not decision.allowed:
        return None
    return msgspec.structs.replace(decision.obligations, regions=None), decision.would_deny


def questions(found: Comparison) -> Iterator[tuple[Any, ...]]:
    for team in found.teams:
        for profile in range(len(found.subjects.points)):
            for said in found.classes:
                for target in found.targets:
                    for operation in found.operations:
                        for request in range(len(found.requests.points)):
                            yield team, profile, said, target, operation, request


def told(found: Comparison) -> dict[tuple[Any, ...], set[str]]:
    """Every question that the rows say is decided differently."""
    said: dict[tuple[Any, ...], set[str]] = {}
    for row in found.rows:
        for team in row.teams:
            for profile in row.profiles:
                for one in row.classes:
                    for target in row.targets:
                        for operation in row.operations:
                            for request in row.requests:
                                said.setdefault((team, profile, one, target, operation, request), set()).add(
                                    row.change.kind
                                )
    return said


@settings(max_examples=200, deadline=None)
@given(versions(), st.randoms())
def test_a_row_stands_there_if_and_only_if_the_question_is_decided_differently(
    sides: tuple[Side, Side], die: random.Random
) -> None:
    found = compare(*sides, OPERATIONS, NOW)
    rows = told(found)
    every = list(questions(found))
    differs = False
    asked = {*die.sample(every, min(len(every), 1000)), *die.sample(sorted(rows, key=str), min(len(rows), 200))}
    for question in asked:
        team, profile, said, target, operation, request = question
        labels, claims = facts(found.subjects.values(profile))
        who = Principal(key_id="", tenant=team[0], team=team[1], labels=labels, claims=claims)
        before, after = (decided(side, who, target, operation, said, found.requests.values(request)) for side in sides)
        kinds = set[str]()
        if (before is None) != (after is None):
            kinds = {"gains" if before is None else "loses"}
        elif before is not None:
            kinds |= {"obligations"} if before[0] != after[0] else set()
            kinds |= {"audit"} if before[1] != after[1] else set()
        if question in rows and before is None and after is None:
            assert {(*question[:-1], one) for one in range(len(found.requests.points))} <= rows.keys()
            continue  # of all requests, those that are refused anyway
        assert rows.get(question, set()) == kinds
        differs = differs or bool(kinds)
    if len(every) <= 1000:
        assert bool(found.rows) == differs


def mirror(change: Change) -> Change:
    """The change the other way round."""
    other: dict[Kind, Kind] = {"gains": "loses", "loses": "gains"}
    return Change(other.get(change.kind, change.kind), change.cause, change.rule, change.after, change.before)


@settings(max_examples=200, deadline=None)
@given(versions())
def test_the_other_way_round_it_is_mirrored(sides: tuple[Side, Side]) -> None:
    one, other = compare(*sides, OPERATIONS, NOW), compare(sides[1], sides[0], OPERATIONS, NOW)
    mirrored = {msgspec.structs.replace(row, change=mirror(row.change)) for row in other.rows}
    assert mirrored == set(one.rows)
    assert [(name.name, name.after, name.before) for name in other.names] == [
        (name.name, name.before, name.after) for name in one.names
    ]
    assert (one.rules.added, one.rules.stop) == (other.rules.removed, other.rules.start)


@settings(max_examples=100, deadline=None)
@given(policies(), st.lists(models(), max_size=3, unique_by=lambda model: model.place), TEAMS)
def test_a_version_does_not_differ_from_itself(policy: Any, cards: list[Model], teams: Any) -> None:
    side = Side(compiled(*policy, *cards), catalogue_of(cards), teams)
    again = Side(compiled(*policy, *cards), catalogue_of(cards), dict(teams))
    assert compare(side, again, OPERATIONS, NOW).empty
    if cards:
        aliased = Side(again.policy, catalogue_of(cards, aliased=True), teams)
        (name,) = compare(side, aliased, OPERATIONS, NOW).names
        assert (name.name, name.before, name.after) == ("alias", (), (cards[0].place,))


def large(rules: int, cards: int, teams: int, *, changed: bool) -> Side:
    """Teams with rules of their own, models by name and by pattern, environments, classes, conditions."""
    compiler = Compiler()
    found: list[Rule | PolicyException] = []
    for number in range(rules):
        common = {"id": f"r{number}", "owner": "o", "reason": "r"}
        team = f"team{number % teams}"
        if number % 5 < 3:
            which = tuple(f"m{(number * 7 + step) % cards}" for step in range(5))
            found.append(Rule(effect="allow", teams=(team,), models=which, **common))
        elif number % 5 == 3:
            wanted = ("prod", "dev*", "stage")[number % 3]
            found.append(Rule(effect="allow", teams=(team,), models=("m1*", "m2*"), environments=(wanted,), **common))
        else:
            when = f"request.max_output_tokens > {1000 * (number % 4 + 1)}" if number % 10 == 4 else ""
            found.append(
                Rule(effect="deny", regions=(f"r{number % 7}",), data_classes=("confidential",), when=when, **common)
            )
    if changed:
        found = [one for number, one in enumerate(found) if number % 10]
        found += [Rule(id="new", effect="allow", owner="o", reason="r", models=("m*",), environments=("prod",))]
    entries = [entry(one, compiler.compile(one.when) if one.when else None) for one in found]
    models = [
        Model(name=f"m{number}", target=Target("p", f"m{number}"), place=f"p/m{number}", region=f"r{number % 7}",
              life=Life(approved_from=0))
        for number in range(cards)
    ]  # fmt: skip
    classes = {("acme", f"team{number}"): "internal" for number in range(teams)}
    return Side(AccessPolicy(entries, "v", data_classes=CLASSES), catalogue_of(models), classes)


def test_five_hundred_rules_two_hundred_models_and_fifty_teams_take_seconds() -> None:
    operations = tuple(f"operation{number}" for number in range(13))
    old, new = (large(500, 200, 50, changed=changed) for changed in (False, True))
    began = time.process_time()
    found = compare(old, new, operations, NOW)
    took = time.process_time() - began
    print(f"{took:.2f} s for {found.asked:,} questions, {len(found.rows)} rows")
    assert found.asked > 10_000_000
    assert {row.change.kind for row in found.rows} == {"gains", "loses"}
    assert took < 10
