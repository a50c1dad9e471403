"""Traffic tried on a proposed policy: what comes out is what asking record by record would say."""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.impact import MAX_KEYS, Impact, Sums, impact_of
from gateway.access.replaying import Replay, Ruling, Side
from gateway.core.model import Attributes, Catalogue, Life, Model, Obligations
from gateway.core.principal import Principal, facts_of
from gateway.core.target import Target
from gateway.core.traffic import Traffic
from tests.access.worlds import CLASSES, NAMES, NOW, compiled, meaning, models, policies

OPERATIONS = ("chat", "embeddings")
TEAMS = ("a", "b", "ab")
LABELS: list[dict[str, str]] = [{}, {"env": "dev"}, {"env": "prod"}]


def text_of(attributes: Attributes) -> str:
    text = msgspec.json.encode(attributes).decode()
    return "" if text == "{}" else text


def traffic(**fields: Any) -> Traffic:
    known: dict[str, Any] = {
        "tenant": "a", "team": "a", "key_id": "k1", "facts": "", "data_class": "public", "operation": "chat", "model": "a",
        "attributes": "", "calls": 1, "refused": 0, "cost_nano": 5, "unpriced": 0, "input_tokens": 10, "output_tokens": 20,
        "last_ns": 1,
    }  # fmt: skip
    return Traffic(**{**known, **fields})


ROWS = st.builds(
    traffic,
    tenant=st.just("a"), team=st.sampled_from(TEAMS), key_id=st.sampled_from(["k1", "k2"]),
    facts=st.sampled_from([facts_of(labels, {}) for labels in LABELS] + ["not json", "[]"]),
    data_class=st.sampled_from([*CLASSES, "", "unheard-of"]), operation=st.sampled_from([*OPERATIONS, "sing"]),
    model=NAMES,
    attributes=st.sampled_from(
        [text_of(Attributes(max_output_tokens=most, tools=tools)) for most in (0, 50, 500) for tools in (False, True)] + ["{"]
    ),
    calls=st.integers(1, 1000), refused=st.integers(0, 1), last_ns=st.integers(0, 100),
)  # fmt: skip


def admitting(classes: dict[str, str]) -> Any:
    """Callers of these teams, with the class of each."""

    def admit(caller: Principal) -> Principal | None:
        found = classes.get(caller.team)
        return None if found is None else msgspec.structs.replace(caller, data_class=found)

    return admit


CLASSES_OF_TEAMS = st.dictionaries(st.sampled_from(TEAMS), st.sampled_from(CLASSES), min_size=2)


def side(policy: Any, cards: list[Model], classes: dict[str, str]) -> Side:
    names: dict[str, tuple[Target, ...]] = {}
    for model in cards:
        names[model.name] = (*names.get(model.name, ()), model.target)
    catalogue = Catalogue(names, {model.target: model for model in cards})
    return Side(compiled(*policy, *cards), catalogue, admitting(classes))


def naive(
    policy: Any, cards: list[Model], classes: dict[str, str], before: dict[str, str], row: Traffic
) -> bool | None:
    """One record decided by itself, from the words of the rules; None if its record does not say enough."""
    if row.facts in ("not json", "[]") or row.attributes == "{" or row.operation == "sing":
        return None
    if row.team not in classes:
        return False
    own = CLASSES.index(classes[row.team])
    if (
        row.data_class in CLASSES and CLASSES.index(row.data_class) > CLASSES.index(before.get(row.team, CLASSES[0]))
    ) or (row.data_class in CLASSES and row.team not in before):
        own = max(own, CLASSES.index(row.data_class))
    labels = msgspec.json.decode(row.facts)["labels"] if row.facts else {}
    caller = Principal(key_id="", tenant=row.tenant, team=row.team, labels=labels)
    asked = msgspec.structs.replace(
        msgspec.json.decode(row.attributes or "{}", type=Attributes), data_class=CLASSES[own]
    )
    words = (row.operation, "tools") if asked.tools else (row.operation,)
    return any(
        all(meaning(*policy, caller, model, word, asked, NOW).allowed for word in words)
        for model in cards
        if model.name == row.model
    )


@settings(max_examples=200, deadline=None)
@given(
    policies(), policies(), st.lists(models(), max_size=4, unique_by=lambda model: model.place),
    st.lists(models(), max_size=4, unique_by=lambda model: model.place), CLASSES_OF_TEAMS, CLASSES_OF_TEAMS,
    st.lists(ROWS, max_size=12),
)  # fmt: skip
def test_it_is_what_each_record_decided_by_itself_comes_to(old, new, old_cards, new_cards, was, will, rows) -> None:  # type: ignore[no-untyped-def]
    found = impact_of(rows, side(old, old_cards, was), side(new, new_cards, will), OPERATIONS, NOW)
    expected: Counter[tuple[bool, bool] | None] = Counter()
    for row in rows:
        before, after = naive(old, old_cards, was, was, row), naive(new, new_cards, will, was, row)
        expected[None if before is None or after is None else (before, after)] += row.calls
    assert found.newly_refused.calls == expected[True, False]
    assert found.newly_allowed.calls == expected[False, True]
    assert found.still_allowed.calls == expected[True, True]
    assert found.still_refused.calls == expected[False, False]
    assert found.undecidable.calls == expected[None]
    adds_up(found, rows)


def adds_up(found: Impact, rows: list[Traffic]) -> None:
    """Every call is in exactly one of the five sums, and every change in a group."""
    parts = (found.newly_refused, found.newly_allowed, found.still_allowed, found.still_refused, found.undecidable)
    for name in ("inputs", "calls", "recorded", "cost_nano", "input_tokens", "output_tokens"):
        assert sum(getattr(part, name) for part in parts) == getattr(found.looked_at, name)
    assert found.looked_at.calls == sum(row.calls for row in rows)
    assert found.looked_at.recorded == sum(row.refused for row in rows)
    assert found.looked_at.last_ns == max((row.last_ns for row in rows), default=0)
    assert found.teams == len({(row.tenant, row.team) for row in rows})
    sums: dict[str, Sums] = {"refused": found.newly_refused, "allowed": found.newly_allowed, "watched": found.watched,
                             "obliged": found.obliged, "moved": found.moved}  # fmt: skip
    for change, total in sums.items():
        groups = [group for group in found.groups if group.change == change]
        assert sum(group.sums.calls for group in groups) == total.calls
        for group in groups:
            assert sum(use.calls for use in group.keys) == group.sums.calls
            assert 0 <= group.cut <= group.sums.calls
    assert sum(one.sums.calls for one in found.undecidables) == found.undecidable.calls


@settings(max_examples=100, deadline=None)
@given(
    policies(),
    st.lists(models(), max_size=4, unique_by=lambda model: model.place),
    CLASSES_OF_TEAMS,
    st.lists(ROWS, max_size=12),
)
def test_a_policy_changes_nothing_against_itself(policy, cards, classes, rows) -> None:  # type: ignore[no-untyped-def]
    one, other = side(policy, cards, classes), side(policy, cards, classes)
    found = impact_of(rows, one, other, OPERATIONS, NOW)
    assert (found.groups, found.teams_changed) == ((), 0)


CARD = Model(name="a", target=Target("up", "a"), place="up/a", life=Life(approved_from=0))
OTHER = Model(name="a", target=Target("else", "a"), place="else/a", life=Life(approved_from=0))


def rule(id: str, **fields: Any) -> Any:
    from gateway.access.rules import Rule

    return Rule(**{"id": id, "effect": "allow", "owner": "o", "reason": "r", **fields})


def replayed(old: list[Any], new: list[Any], rows: list[Traffic], **sides: Any) -> Impact:
    cards, new_cards = sides.get("cards", [CARD]), sides.get("new_cards", sides.get("cards", [CARD]))
    classes, new_classes = (
        sides.get("classes", {"a": "public"}),
        sides.get("new_classes", sides.get("classes", {"a": "public"})),
    )
    before, after = side((old, ()), cards, classes), side((new, ()), new_cards, new_classes)
    return impact_of(rows, before, after, OPERATIONS, NOW)


def test_a_group_tells_who_what_and_by_which_rules() -> None:
    rows = [traffic(key_id=f"k{number}", calls=number + 1, refused=number % 2) for number in range(MAX_KEYS + 5)]
    found = replayed([rule("all")], [rule("all"), rule("no", effect="deny", reason="because")], rows)
    (group,) = found.groups
    assert (group.change, group.before.words, group.after.words) == ("refused", "all", "no")
    assert (group.key_count, len(group.keys), group.keys[0].id, group.keys[0].calls) == (15, MAX_KEYS, "k14", 15)
    assert (group.sums.calls, group.sums.recorded, group.sums.inputs) == (120, 7, 15)
    assert "because" in group.reasons_after[0]
    assert group.models == ("a",)
    assert (found.teams, found.teams_changed) == (1, 1)


def test_an_audit_rule_is_seen_to_watch_and_refuses_nothing() -> None:
    old, watch = [rule("all"), rule("old", effect="deny", mode="audit")], rule("new", effect="deny", mode="audit")
    found = replayed(old, [*old, watch], [traffic(calls=7)])
    assert [(group.change, group.details, group.sums.calls) for group in found.groups] == [("watched", ("new",), 7)]
    assert found.newly_refused.calls == 0


def test_a_cap_counts_where_it_bites() -> None:
    def asking(most: int) -> Traffic:
        return traffic(attributes=text_of(Attributes(max_output_tokens=most)), calls=most or 1)

    old = [rule("all", obligations=Obligations(max_output_tokens=400))]
    new = [rule("all", obligations=Obligations(max_output_tokens=100))]
    found = replayed(old, new, [asking(most) for most in (0, 50, 100, 200, 1000)])
    (group,) = found.groups
    assert (group.change, group.details) == ("obliged", ("at most 100 output tokens, was 400",))
    assert (group.sums.calls, group.cut) == (1201, 1200), "who says nothing may be cut; who asks for less is not"
    assert replayed(new, old, [asking(1000)]).groups == (), "a cap that is raised takes nothing from anybody"
    harder = [rule("all", obligations=Obligations(no_content=True, guards=("pii",)))]
    (group,) = replayed([rule("all")], harder, [asking(0)]).groups
    assert group.details == ("nothing of what is said is kept", "the guard pii looks at it")


def test_calls_that_go_elsewhere_are_told() -> None:
    new = [rule("all"), rule("not-there", effect="deny", providers=("up",))]
    found = replayed([rule("all")], new, [traffic(calls=3)], cards=[CARD, OTHER])
    assert [(group.change, group.details) for group in found.groups] == [("moved", ("up/a, else/a → else/a",))]
    assert found.still_allowed.calls == 3


def test_a_team_that_is_not_declared_any_more_is_refused() -> None:
    found = replayed([rule("all")], [rule("all")], [traffic()], classes={"a": "public"}, new_classes={"b": "public"})
    (group,) = found.groups
    assert (group.change, group.after.words, group.after.code) == ("refused", "team not declared", "team_not_declared")


def test_a_class_follows_the_team_and_what_a_request_named_stays() -> None:
    """A proposal that raises or lowers a team's class is tried with the new class; what was raised by a header stays."""
    rules = [rule("all"), rule("no", effect="deny", data_classes=("confidential",))]
    rows = [traffic(data_class="internal", calls=1), traffic(data_class="confidential", calls=2)]
    found = replayed(rules, rules, rows, classes={"a": "internal"}, new_classes={"a": "confidential"})
    assert (found.newly_refused.calls, found.still_refused.calls) == (1, 2)
    lowered = replayed(rules, rules, rows[1:], classes={"a": "confidential"}, new_classes={"a": "public"})
    assert lowered.newly_allowed.calls == 2
    kept = replayed(rules, rules, rows[1:], classes={"a": "internal"}, new_classes={"a": "public"})
    assert kept.still_refused.calls == 2


def test_what_cannot_be_decided_is_counted_and_told() -> None:
    rows = [traffic(operation="sing", calls=1), traffic(facts="{", calls=2), traffic(attributes="[]", calls=4)]
    found = replayed([rule("all")], [], [*rows, traffic(calls=8)])
    assert (found.undecidable.calls, found.newly_refused.calls, found.looked_at.calls) == (7, 8, 15)
    assert [(one.sums.calls, one.reason) for one in found.undecidables] == [
        (4, "what the request asked for cannot be read"),
        (2, "the caller's labels and claims cannot be read"),
        (1, "the operation `sing` is not known"),
    ]


def test_records_of_a_version_that_knows_more_of_requests_are_decided_by_what_is_known_here() -> None:
    no_tools = rule("all", obligations=Obligations(forbid_tools=True))
    rows = [traffic(attributes='{"tools":true,"later":1}', calls=2), traffic(attributes='{"later":1}', calls=4)]
    found = replayed([rule("all")], [no_tools], rows)
    assert (found.undecidable.calls, found.newly_refused.calls) == (0, 2)


def test_what_no_rule_looks_at_is_decided_once() -> None:
    def judged(rules: list[Any], *rows: Traffic) -> list[Ruling]:
        one = side((rules, ()), [CARD], {"a": "public"})
        replay = Replay(one, one, OPERATIONS, NOW)
        return [found.before for row in rows if not isinstance(found := replay.judge(row), str)]

    rows = [
        traffic(key_id=key, attributes=text_of(Attributes(max_output_tokens=most)))
        for key, most in (("k", 50), ("l", 500))
    ]
    first, second = judged([rule("all")], *rows)
    assert first is second
    assert first.places == ("up/a",)
    big = rule("no", effect="deny", when="request.max_output_tokens > 100")
    assert [one.allowed for one in judged([rule("all"), big], *rows)] == [True, False]
    tools = [traffic(attributes=text_of(Attributes(tools=tools))) for tools in (False, True)]
    no_tools = rule("all", obligations=Obligations(forbid_tools=True))
    assert [one.allowed for one in judged([no_tools], *tools)] == [True, False]
