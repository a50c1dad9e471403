"""limits.yaml: which bounds a call has, and what is wrong with a file."""

from datetime import UTC, datetime

import msgspec
import pytest

from gateway.core.money import NANO
from gateway.core.principal import Principal
from gateway.limits.bounds import Bound, Span
from gateway.limits.document import FIGURES
from gateway.limits.loading import read_limits
from gateway.limits.matching import NOTHING_ASKED, Asked, counter_key
from gateway.pipeline.tagging import NotingOptions, unnoted_words
from gateway.stores.documents import DocumentError, Text
from tests.limits.making import START, WHO, policy_of


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def only(text: str, who: Principal = WHO, model: str = "m", now: float = START, asked: Asked = NOTHING_ASKED) -> Bound:
    (bound,) = policy_of(text).bounds(who, model, now, asked)
    return bound


@pytest.mark.parametrize(
    ("figure", "dimension", "maximum", "span"),
    [
        ("requests_per_second: 5", "requests", 5, Span("sliding", "second", 1.0, 5)),
        ("tokens_per_minute: 5", "tokens", 5, Span("sliding", "minute", 60.0, 12)),
        ("input_tokens_per_hour: 5", "input_tokens", 5, Span("sliding", "hour", 3600.0, 12)),
        ("output_tokens_per_day: 5", "output_tokens", 5, Span("calendar", "day", zone="UTC")),
        ("cost_per_month: 0.5", "cost", NANO // 2, Span("calendar", "month", zone="UTC")),
        (
            "{cost_per_month: 2, zone: Asia/Kathmandu}",
            "cost",
            2 * NANO,
            Span("calendar", "month", zone="Asia/Kathmandu"),
        ),
        ("{requests_per_day: 5, rolling: true}", "requests", 5, Span("sliding", "day", 86_400.0, 24)),
        ("{cost_per_month: 1, rolling: true}", "cost", NANO, Span("sliding", "month", 30 * 86_400.0, 30)),
        ("concurrent_requests: 5", "concurrent_requests", 5, Span("now")),
    ],
)
def test_a_figure_says_what_is_counted_over_what(figure: str, dimension: str, maximum: int, span: Span) -> None:
    bound = only(f"limits: [{{id: a, {figure.strip('{}')}}}]")
    assert (bound.dimension, bound.maximum, bound.span) == (dimension, maximum, span)
    assert bound.name == figure.strip("{}").partition(":")[0]


def test_every_dimension_has_every_window() -> None:
    text = "limits: [{id: a, " + ", ".join(f"{figure.name}: 1" for figure in FIGURES) + "}]"
    bounds = policy_of(text).bounds(WHO, "m", START)
    assert [bound.name for bound in bounds] == [figure.name for figure in FIGURES]
    assert len({bound.key for bound in bounds}) == len(FIGURES) == 26


CALLER = Principal(
    key_id="k1", tenant="bank", team="loans", labels={"env": "dev"}, claims={"dept": ("b", "a"), "role": ("x",)}
)
ASKED = Asked(user="ada", prompt="p1", agent="bot", run="r1")


@pytest.mark.parametrize(
    ("per", "scope"),
    [
        ("tenant", "bank"), ("team", "bank/loans"), ("key", "k1"), ("user", "ada"), ("model", "large-1"),
        ("prompt", "p1"), ("agent", "bot"), ("run", "r1"), ("claim:dept", "a,b"), ("claim:none", ""),
        ("model_group", "frontier"),
    ],
)  # fmt: skip
def test_what_has_a_counter_to_itself(per: str, scope: str) -> None:
    text = f'model_groups: {{frontier: ["large-*"]}}\nlimits: [{{id: a, per: ["{per}", tenant], requests_per_day: 1}}]'
    if per == "tenant":
        text = text.replace(", tenant]", "]")
    bound = only(text, CALLER, "large-1", asked=ASKED)
    assert bound.scope[0] == (per, scope)
    assert bound.tag == "bank"


@pytest.mark.parametrize(("per", "applies"), [("run", 0), ("agent", 0), ("prompt", 0), ("model_group", 0), ("user", 1)])
def test_a_limit_per_run_is_not_about_a_call_outside_any_but_one_per_user_is_about_the_nameless(
    per: str, applies: int
) -> None:
    text = f"model_groups: {{frontier: [large]}}\nlimits: [{{id: a, per: [{per}], requests_per_day: 1}}]"
    assert len(policy_of(text).bounds(WHO, "small", START)) == applies


def test_a_model_of_two_groups_counts_in_both_of_which_a_limit_may_name_one() -> None:
    text = """
model_groups: {frontier: ["large-*"], new: ["*-2"]}
limits:
  - {id: each, per: [model_group], requests_per_day: 1}
  - {id: one, match: {model_groups: [new]}, per: [team, model_group], requests_per_day: 1}
"""
    found = [
        (bound.limit_id, dict(bound.scope)["model_group"]) for bound in policy_of(text).bounds(WHO, "large-2", START)
    ]
    assert found == [("each", "frontier"), ("each", "new"), ("one", "new")]
    assert [bound.limit_id for bound in policy_of(text).bounds(WHO, "large-1", START)] == ["each"]


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ("tenants: [bank]", True), ("tenants: [other]", False), ("teams: ['lo*']", True), ("keys: [k2]", False),
        ("models: ['large-*']", True), ("models: [small]", False), ("labels: {env: dev}", True),
        ("labels: {env: prod}", False), ("labels: {zone: '*'}", False), ("users: ['?*']", True), ("users: [bob]", False),
        ("prompts: [p1]", True), ("agents: [other]", False), ("claims: {dept: a}", True), ("claims: {dept: c}", False),
        ("claims: {other: '*'}", False), ("model_groups: [frontier]", True), ("model_groups: [cheap]", False),
    ],
)  # fmt: skip
def test_which_calls_a_limit_is_for(match: str, applies: bool) -> None:
    groups = 'model_groups: {frontier: ["large-*"], cheap: ["small-*"]}\n'
    policy = policy_of(f"{groups}limits: [{{id: a, match: {{{match}}}, requests_per_day: 1}}]")
    assert len(policy.bounds(CALLER, "large-1", START, ASKED)) == applies


def test_hierarchies_are_several_limits_on_one_call() -> None:
    text = """
limits:
  - {id: company, per: [tenant], cost_per_month: 1000}
  - {id: team, per: [tenant, team], cost_per_month: 100}
  - {id: key, per: [key], cost_per_month: 10}
"""
    assert [(bound.limit_id, bound.maximum // NANO) for bound in policy_of(text).bounds(WHO, "m", START)] == [
        ("company", 1000), ("team", 100), ("key", 10),
    ]  # fmt: skip


def test_callers_with_other_facts_never_share_what_is_remembered() -> None:
    policy = policy_of("limits: [{id: a, match: {labels: {env: dev}}, per: [key], requests_per_day: 1}]")
    assert policy.bounds(CALLER, "m", START)
    assert not policy.bounds(msgspec.structs.replace(CALLER, labels={}), "m", START)
    assert policy.bounds(CALLER, "m", START) is policy.bounds(CALLER, "m", START + 1), "remembered"


RAISED = """
limits:
  - id: team
    per: [tenant, team]
    cost_per_month: 100
    requests_per_minute: 10
    raises:
      - {figure: cost_per_month, maximum: 250, from: "2026-11-10", until: "2026-11-20", owner: o, reason: r, scope: {team: loans}}
      - {factor: 1.5, from: "2026-11-15T12:00:00Z", until: "2026-11-15T13:00:00Z", owner: o, reason: r}
"""


@pytest.mark.parametrize(
    ("moment", "team", "cost", "requests", "until"),
    [
        ("2026-11-09T23:59:59", "loans", 100, 10, None),
        ("2026-11-10T00:00:00", "loans", 250, 10, "2026-11-21T00:00:00"),
        ("2026-11-10T00:00:00", "cards", 100, 10, None),
        ("2026-11-15T12:00:00", "loans", 250, 15, "2026-11-21T00:00:00"),
        ("2026-11-15T12:59:59", "cards", 150, 15, "2026-11-15T13:00:00"),
        ("2026-11-15T13:00:00", "cards", 100, 10, None),
        ("2026-11-20T23:59:59", "loans", 250, 10, "2026-11-21T00:00:00"),
        ("2026-11-21T00:00:00", "loans", 100, 10, None),
    ],
)
def test_a_raise_holds_from_its_first_second_to_its_last(
    moment: str, team: str, cost: int, requests: int, until: str | None
) -> None:
    policy = policy_of(RAISED)
    who = msgspec.structs.replace(WHO, team=team)
    for other in ("2026-11-01T00:00:00", "2026-11-15T12:30:00", "2026-12-01T00:00:00", moment):
        requests_bound, cost_bound = policy.bounds(
            who, "m", at(other)
        )  # what was remembered of another time is not used
    assert (cost_bound.maximum // NANO, requests_bound.maximum) == (cost, requests)
    assert cost_bound.raised_until == (None if until is None else at(until))


def test_raises_that_are_over_are_known() -> None:
    (over,) = policy_of(RAISED).expired(at("2026-11-16T00:00:00"))
    assert (over.limit_id, over.raised, over.owner, over.until) == ("team", 1, "o", "2026-11-15T13:00:00Z")


@pytest.mark.parametrize(
    "values",
    [("a|b", "c"), ("a", "b|c"), ("a%7Cb", "c"), ("{a}", "b"), ("x" * 5000, "c"), ("x" * 5001, "c"), ("\ud800", "")],
)
def test_no_value_makes_a_counter_look_like_another(values: tuple[str, str]) -> None:
    others = [("a", "b"), ("a|b", "c"), ("a", "b|c"), ("a%7Cb", "c"), ("", "")]
    key = counter_key("limit", "requests_per_day", (("user", values[0]), ("run", values[1])))
    assert len(key) < 300
    assert not set("{}") & set(key)
    for other in others:
        if other != values:
            assert counter_key("limit", "requests_per_day", (("user", other[0]), ("run", other[1]))) != key


DAILY = "limits:\n  - id: a\n    requests_per_day: 5\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("limits:\n  - {id: a, requests_per_minute: 0}", 2, "deny it in access.yaml"),
        ("limits:\n  - {id: a, cost_per_month: -1}", 2, "more than nothing"),
        ("limits:\n  - {id: a, cost_per_month: 0.0000000001}", 2, "finer than"),
        ("limits:\n  - {id: a, cost_per_month: .inf}", 2, "not an amount|not a|expected"),
        ("limits:\n  - {id: a, requests_per_minute: 9999999999999999999}", 2, "at most|range"),
        ("limits:\n  - {id: a, request_per_minute: 1}", 2, "did you mean `requests_per_minute`"),
        ("limits:\n  - id: a", 2, "limits nothing"),
        ("limits:\n  - {id: a, requests_per_day: 1}\n  - {id: a, requests_per_day: 1}", 3, "twice"),
        (DAILY + "    per: [tenant, temant]", 4, "did you mean `tenant`"),
        (DAILY + "    per: ['claim:']", 4, "claim:<name>"),
        (DAILY + "    per: [key, key]", 4, "twice"),
        (DAILY + "    per: [model_group]", 4, "no model_groups"),
        (DAILY + "    match: {teams: []}", 4, "matches nothing"),
        ("model_groups: {frontier: [x]}\n" + DAILY + "    match: {model_groups: [fronteer]}", 5, "did you mean `frontier`"),
        ("model_groups:\n  frontier: []\nlimits: []", 2, "is empty"),
        (DAILY + "    zone: Europe/Berln", 4, "did you mean `Europe/Berlin`"),
        ("zone: Mars\nlimits: []", 1, "not a time zone"),
        (DAILY + "    zone: Europe/Berlin\n    rolling: true", 4, "not rolling"),
        ("limits:\n  - id: a\n    requests_per_hour: 5\n    rolling: true", 4, "per day and per month"),
        (DAILY + "    on_exceeded: queue", 2, "go together"),
        (DAILY + "    queue_ms: 100", 4, "go together"),
        (DAILY + "    on_exceeded: warm", 4, "did you mean `warn`"),
        (DAILY + "    on_store_failure: local", 4, "local_share"),
        (DAILY + "    on_unpriced: allowed", 4, "did you mean `allow`"),
        (DAILY + "    raises:\n      - {factor: 2, until: 2026-11-01, owner: o}", 5, "reason"),
        (DAILY + "    raises:\n      - {factor: 2, until: 2026-11-01, owner: ' ', reason: r}", 5, "answers for it"),
        (DAILY + "    raises:\n      - {factor: 2, until: 2026-13-01, owner: o, reason: r}", 5, "no day"),
        (DAILY + "    raises:\n      - {factor: 2, from: 2026-11-02, until: 2026-11-01, owner: o, reason: r}", 5, "after `from`"),
        (DAILY + "    raises:\n      - {factor: 0.5, until: 2026-11-01, owner: o, reason: r}", 5, "more than 1"),
        (DAILY + "    raises:\n      - {until: 2026-11-01, owner: o, reason: r}", 5, "either"),
        (DAILY + "    raises:\n      - {maximum: 9, until: 2026-11-01, owner: o, reason: r}", 5, "requests_per_day"),
        (DAILY + "    raises:\n      - {figure: requests_per_day, maximum: 99999999999999999999, until: 2026-11-01, owner: o, reason: r}", 5, "at most"),
        (DAILY + "default_output_tokens: 99999999999999999999999", 4, "default_output_tokens"),
        (DAILY + "    raises:\n      - {figure: requests_per_day, maximum: 4, until: 2026-11-01, owner: o, reason: r}", 5, "not more than"),
        (DAILY + "    raises:\n      - {figure: requests_per_day, maximum: 9.5, until: 2026-11-01, owner: o, reason: r}", 5, "whole number"),
        (DAILY + "    raises:\n      - {figure: requests_per_hour, maximum: 9, until: 2026-11-01, owner: o, reason: r}", 5, "no figure of"),
        (DAILY + "    raises:\n      - {factor: 2, until: 2026-11-01, owner: o, reason: r, scope: {teem: x}}", 5, "did you mean `team`"),
        ("limits: []\ndefault_output_tokens: 0", 2, "at least 1"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(text: str, line: int, says: str) -> None:
    with pytest.raises(DocumentError, match=says) as raised:
        policy_of(text + "\n")
    assert raised.value.line == line, str(raised.value)


def test_bounds_are_remembered_by_what_limits_look_at_and_nothing_else() -> None:
    policy = policy_of("limits: [{id: a, per: [user], requests_per_minute: 9}]")
    first = policy.bounds(WHO, "m", START, Asked(user="ann", run="r1", agent="x", prompt="p"))
    assert policy.bounds(WHO, "m", START, Asked(user="ann", run="r2", agent="y", prompt="q")) is first
    assert policy.bounds(WHO, "m", START, Asked(user="bob", run="r1")) != first


@pytest.mark.parametrize(
    "limit", ["per: [user]", "match: {users: ['ann']}", "per: [agent]", "match: {agents: [a]}", "per: [run]"]
)
def test_nobody_is_limited_by_what_no_call_is_noted_with(limit: str) -> None:
    text = Text("limits.yaml", f"{DAILY}    {limit}\n".encode())
    everything = NotingOptions(users=True)
    assert read_limits(text, unnoted=unnoted_words(everything)).queues is False
    nothing = NotingOptions(users=False, run_header="", agent_header="")
    with pytest.raises(DocumentError, match=r"metering: \{noted: \{(users: true|agent_header|run_header)") as raised:
        read_limits(text, unnoted=unnoted_words(nothing))
    assert raised.value.line == 4
