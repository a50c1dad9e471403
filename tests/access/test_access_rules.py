"""What each part of a rule means, by example."""

import pytest

from gateway.access.asking import usable
from gateway.access.policy import AccessPolicy
from gateway.core.model import Attributes, Catalogue, Decision, Life, Model, Obligations
from gateway.core.principal import Principal
from gateway.core.target import Target
from gateway.core.wiring import Wiring
from gateway.stores.documents import DocumentError
from tests.access.policies import NOW, access_of, allow, asked, at, card, catalogue_of, deny, exception

ONE = catalogue_of(card("m"))


def decision(policy: str, catalogue=ONE, **question) -> Decision:  # type: ignore[no-untyped-def]
    verdict = asked(access_of(policy, catalogue=catalogue), catalogue, **question)
    return verdict.permits[0].decision if verdict.permits else verdict.refusal


def test_what_no_rule_allows_is_refused_and_told_whom_to_ask() -> None:
    found = decision("rules: []\n")
    assert (found.allowed, found.basis, found.code, found.rule_id) == (False, "no_rule", "model_not_allowed", "")
    assert "red" in found.reason
    assert "policies/access.yaml" in found.remedy


def test_of_several_targets_the_best_one_tells_why_none_may_be_used() -> None:
    known, unknown = Target("p", "m"), Target("p", "without a card")
    for targets, basis in (((known, unknown), "no_rule"), ((unknown, known), "card")):
        catalogue = Catalogue({"m": targets}, ONE.models)
        assert decision("rules: []\n", catalogue).basis == basis


def test_a_deny_overrides_every_allow() -> None:
    found = decision("rules:\n" + allow("a") + deny("d", "teams: [red]"))
    assert (found.basis, found.rule_id) == ("rule", "d")
    assert "owner@example.com" in found.remedy
    assert decision("rules:\n" + allow("a") + deny("d", "teams: [red]"), team="blue").allowed


def test_an_exception_allows_what_it_matches_and_lifts_what_it_names_and_nothing_else() -> None:
    rules = "rules:\n" + deny("no-us", "providers: [p]") + deny("no-blue", "teams: [blue]")
    granted = rules + "exceptions:\n" + exception("x", "lifts: [no-us], tenants: [acme]")
    found = decision(granted)
    assert (found.allowed, found.basis, found.rule_id) == (True, "exception", "x")
    assert decision(granted, team="blue").rule_id == "no-blue"
    assert decision(granted, tenant="other").rule_id == "no-us"


@pytest.mark.parametrize(("moment", "allowed"), [
    ("2026-05-31T23:59:59", False), ("2026-06-01", True), ("2026-06-30T23:59:59", True), ("2026-07-01", False),
])  # fmt: skip
def test_an_exception_ends_by_itself(moment: str, allowed: bool) -> None:
    policy = access_of("rules:\n" + allow() + deny() + "exceptions:\n" + exception("x", "lifts: [d], teams: [red]"))
    assert bool(asked(policy, ONE, now=at("2026-06-15")).permits), "asked before, so that something is remembered"
    assert bool(asked(policy, ONE, now=at(moment)).permits) == allowed


@pytest.mark.parametrize(("moment", "allowed"), [("2026-06-09", False), ("2026-06-10", True), ("2026-06-10T11:59:59", True),
                                                 ("2026-06-10T12:00:00", False)])  # fmt: skip
def test_a_rule_is_in_force_from_its_day_until_its_moment(moment: str, allowed: bool) -> None:
    assert (
        decision("rules:\n" + allow("a", "from: 2026-06-10, until: '2026-06-10T12:00:00Z'"), now=at(moment)).allowed
        == allowed
    )


def test_an_audit_rule_decides_nothing_and_tells_what_it_would_refuse() -> None:
    found = decision("rules:\n" + allow() + deny("d1", "mode: audit") + deny("d2", "mode: audit, teams: [blue]"))
    assert (found.allowed, found.would_deny) == (True, ("d1",))
    assert not decision("rules:\n" + allow("a", "mode: audit")).allowed


@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_what_a_card_does_not_tell_counts_against_the_model(effect: str) -> None:
    told, untold = catalogue_of(card("m", ", region: eu-west-1")), ONE
    if effect == "allow":
        policy = "rules:\n" + allow("a", 'regions: ["eu-*"]')
        assert decision(policy, told).allowed
    else:
        policy = "rules:\n" + allow() + deny("d", "regions: [us-east-1]")
        assert decision(policy, told).allowed
    assert not decision(policy, untold).allowed


def test_who_does_not_say_that_it_does_not_train_trains() -> None:
    policy = "rules:\n" + allow() + deny("no-training", "trains_on_inputs: true")
    assert decision(policy).rule_id == "no-training"
    assert decision(policy, catalogue_of(card("m", ", data: {trains_on_inputs: false}"))).allowed


def test_a_condition_sees_the_request_and_an_error_in_it_never_opens() -> None:
    big = "rules:\n" + allow() + deny("d", 'when: "request.max_output_tokens > 1000"')
    assert decision(big).allowed
    assert decision(big, most=1001).rule_id == "d"
    broken = """when: "subject.labels['env'] == 'dev'\""""
    denied = decision("rules:\n" + allow() + deny("d", broken))
    assert (denied.basis, denied.code, denied.rule_id) == ("condition", "policy_error", "d")
    assert decision("rules:\n" + allow() + deny("d", broken), labels={"env": "prod"}).allowed
    assert decision("rules:\n" + allow("a", broken)).basis == "no_rule"
    sure = decision("rules:\n" + allow() + deny("d1", broken) + deny("d2"))
    assert (sure.rule_id, sure.basis) == ("d2", "rule"), "a deny that surely matches is named before one that may"


def test_tools_are_asked_for_besides_the_operation() -> None:
    policy = "rules:\n" + allow("a", "operations: [chat]") + allow("t", "operations: [tools], teams: [blue]")
    assert decision(policy).allowed
    assert decision(policy, tools=True).code == "tools_not_allowed"
    assert decision(policy, tools=True, team="blue").allowed
    everything = "rules:\n" + allow("a")
    assert decision(everything, tools=True).allowed


def test_obligations_add_up_and_the_strictest_wins() -> None:
    policy = (
        "rules:\n"
        + allow("a", "obligations: {max_output_tokens: 100, no_content: true}")
        + allow("b", "obligations: {max_output_tokens: 50}")
    )
    assert decision(policy).obligations == Obligations(max_output_tokens=50, no_content=True)
    assert decision("rules:\n" + allow("a", "obligations: {forbid_tools: true}")).allowed
    refused = decision("rules:\n" + allow("a", "obligations: {forbid_tools: true}") + allow("b"), tools=True)
    assert (refused.code, refused.basis, refused.rule_id) == ("tools_not_allowed", "obligation", "a")
    assert decision("rules:\n" + allow("a", "obligations: {require_prompt: true}")).code == "prompt_required"


def test_a_region_obliged_to_is_kept_by_every_target() -> None:
    catalogue = catalogue_of(
        "name: m\ntargets: [{target: us/m, region: us-east-1}, {target: eu/m, region: eu-west-1}, {target: x/m}]\n"
        "life: {approved: {by: b, on: 2020-01-01}}\n"
    )
    policy = access_of("rules:\n" + allow("a", 'obligations: {regions: ["eu-*"]}'))
    assert [permit.model.place for permit in asked(policy, catalogue).permits] == ["eu/m"]
    assert asked(policy, ONE).refusal.basis == "obligation"


@pytest.mark.parametrize(("life", "moment", "said"), [
    ("", "2026-01-01", "not approved yet"),
    ("life: {approved: {by: b, on: 2026-02-01}}", "2026-01-31", "not approved yet"),
    ("life: {approved: {by: b, on: 2026-01-01, until: 2026-02-01}}", "2026-02-01T23:00", ""),
    ("life: {approved: {by: b, on: 2026-01-01, until: 2026-02-01}}", "2026-02-02", "has run out"),
    ("life: {approved: {by: b, on: 2026-01-01}, deprecated: {on: 2026-02-01, successor: n, sunset: 2026-03-01}}", "2026-02-15", ""),
    ("life: {approved: {by: b, on: 2026-01-01}, deprecated: {on: 2026-02-01, successor: n, sunset: 2026-03-01}}", "2026-03-01", "past its sunset"),
    ("life: {approved: {by: b, on: 2026-01-01}, revoked: {on: 2026-02-01, reason: leaks its training data}}", "2026-02-01", "leaks its training data"),
])  # fmt: skip
def test_only_an_approved_card_opens(life: str, moment: str, said: str) -> None:
    catalogue = catalogue_of(f"name: m\ntargets: [{{target: p/m}}]\n{life}\n", card("n"))
    policy = access_of("rules:\n" + allow(), catalogue=catalogue)
    assert asked(policy, catalogue, model="n", now=at("2025-01-01")).permits
    verdict = asked(policy, catalogue, now=at(moment))
    assert bool(verdict.permits) == (not said)
    if said:
        assert (verdict.refusal.basis, verdict.refusal.code) == ("card", "model_not_allowed")
        assert said in verdict.refusal.reason
        assert ("`n`" in verdict.refusal.remedy) == ("successor" in life)


def test_a_target_without_a_card_is_refused_whatever_name_leads_to_it() -> None:
    wiring = Wiring(routes={"fast": (Target("p", "hidden"), Target("p", "m"))})
    catalogue = catalogue_of(card("m"), wiring=wiring)
    policy = access_of("rules:\n" + allow())
    assert [one.model.name for one in asked(policy, catalogue, model="fast").permits] == ["m"]
    only = catalogue_of(card("m"), wiring=Wiring(routes={"fast": (Target("p", "hidden"),)}))
    assert "no model card describes p/hidden" in asked(policy, only, model="fast").refusal.reason


def test_a_route_cannot_lead_round_a_rule() -> None:
    """The rule names the card, the caller another name: it is the target that is judged."""
    routes = {"cheap": (Target("p", "m"),), "anything": (Target("p", "m"), Target("p", "n"))}
    catalogue = catalogue_of(card("m") + "aliases: [nick]\n", card("n"), wiring=Wiring(routes=routes))
    policy = access_of("rules:\n" + allow() + deny("d", "models: [m]"))
    for name in ("m", "nick", "cheap"):
        assert asked(policy, catalogue, model=name).refusal.rule_id == "d", name
    assert [one.model.name for one in asked(policy, catalogue, model="anything").permits] == ["n"]


def test_a_refusal_says_what_would_have_allowed_it_from_the_callers_own_rules_only() -> None:
    rules = (
        "rules:\n"
        + allow("own", "teams: [red], labels: {env: prod}")
        + allow("theirs", "teams: [blue], labels: {env: dev}")
    )
    found = decision(rules)
    assert "`own` would allow it with labels.env prod" in found.remedy
    assert "theirs" not in found.remedy
    assert decision(rules, labels={"env": "prod"}).allowed


MISTAKES = [
    ("rules: [{id: a, effect: permit, owner: o, reason: r}]\n", 1, "permit"),
    ("rules:\n" + allow("a") + allow("a"), 3, "stands twice"),
    ("rules:\n" + allow("a", "models: []"), 2, "matches nothing"),
    ("rules:\n" + allow("a", "claims: {groups: []}"), 2, "matches nothing"),
    ("rules:\n" + allow("a", "teams: [rde]"), 2, "did you mean `red`"),
    ("rules:\n" + allow("a", "data_classes: [secret]"), 2, "secret"),
    ("rules:\n" + allow("a", "from: 2026-02-30"), 2, "no day"),
    ("rules:\n" + allow("a", "from: 2026-03-01, until: 2026-02-01"), 2, "before"),
    ("rules:\n" + allow("a", 'when: "request.max > 3"'), 2, "undeclared reference"),
    ("rules:\n" + allow("a", 'when: "request.max_output_tokens"'), 2, "true or false"),
    ("rules:\n" + allow("a", 'when: "request.max_output_tokens > \'x\'"'), 2, "no matching overload"),
    ("rules:\n" + deny("a", "obligations: {no_content: true}"), 2, "obliges to nothing"),
    ("rules:\n" + allow("a", "obligations: {guards: [pii]}"), 2, "guard `pii` is not known"),
    ("rules:\n" + deny() + "exceptions:\n" + exception("x", "lifts: [dd], teams: [red]"), 4, "no deny rule; did you mean `d`"),
    ("rules:\n" + deny() + "exceptions:\n" + exception("x", "lifts: [d]"), 4, "whom it is for"),
    ("rules:\n" + deny() + "exceptions:\n" + exception("x", "lifts: [d], teams: [red]").replace("ciso", "jane"), 4, "somebody else"),
    ("rules:\n" + deny() + "exceptions:\n" + exception("x", "lifts: [d], teams: [red]").replace("06-30", "12-30"), 4, "90 days at most"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES)
def test_mistakes_are_named_with_their_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        access_of(text)
    assert (caught.value.file, caught.value.line) == ("access.yaml", line)


def test_rules_of_several_files_are_one_policy() -> None:
    own = "rules:\n" + allow("a")
    assert decision("rules: []\n") != asked(access_of("rules: []\n", own), ONE).permits[0].decision
    with pytest.raises(DocumentError, match="stands twice"):
        access_of(own, own)
    with pytest.raises(DocumentError, match=r"access\.yaml only") as caught:
        access_of(own, "hide_models: true\nrules: []\n")
    assert caught.value.file == "access/1.yaml"


CARD_MISTAKES = [
    (card("m") + "aliases: [n]\n", card("n"), "taken"),
    (card("m"), card("m").replace("name: m", "name: n"), "described by the card `m`"),
    ("name: m\ntargets: [{target: openai/*}]\n", card("n"), "no wildcards"),
    ("name: m\ntargets: [{target: nothing}]\n", card("n"), "provider/model"),
    ("name: m\nlife: {deprecated: {on: 2026-01-01}}\n", card("n"), "approved before"),
    ("name: m\nlife: {approved: {by: b, on: 2026-01-01, until: 2025-01-01}}\n", card("n"), "before `on`"),
    ("name: m\nlife: {approved: {by: b, on: 2026-01-01}, deprecated: {on: 2026-01-02, successor: nn}}\n", card("n"), "did you mean `n`|no model `nn`"),
    ("name: m\nlicence: {expression: Apache2}\n", card("n"), "licence"),
    ("name: m\nlineage: {base_models: [{card: m, relation: finetune}]}\n", card("n"), "m"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "said"), CARD_MISTAKES)
def test_cards_are_checked_against_each_other(one: str, other: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        catalogue_of(one, other)
    assert caught.value.line >= 1


def test_weights_that_are_served_must_be_those_of_the_card() -> None:
    own = "name: m\ntargets: [{target: local/m, hosting: self-served}]\nprovenance: {files: [{path: w, sha256: %s}]}\nlife: {approved: {by: b, on: 2020-01-01}}\n"
    for digest, hosting, said in (
        ("a" * 64, "self-served", ""),
        ("b" * 64, "self-served", "not among the files"),
        ("a" * 64, "hosted", "hosted elsewhere"),
    ):
        catalogue = catalogue_of(
            (own % ("a" * 64)).replace("self-served", hosting), wiring=Wiring(engines={"local": digest})
        )
        verdict = asked(access_of("rules:\n" + allow()), catalogue)
        assert bool(verdict.permits) == (not said)
        assert said in verdict.refusal.reason


def test_the_exception_is_what_decided_where_it_lifted_something() -> None:
    both = "rules:\n" + allow("a") + deny("d") + "exceptions:\n" + exception("x", "lifts: [d], teams: [red]")
    assert (decision(both).rule_id, decision(both).basis) == ("x", "exception")
    idle = (
        "rules:\n"
        + allow("a")
        + deny("d", "teams: [blue]")
        + "exceptions:\n"
        + exception("x", "lifts: [d], tenants: [acme]")
    )
    assert (decision(idle).rule_id, decision(idle).basis) == ("a", "rule")


def test_a_rule_about_a_state_follows_the_cards_life() -> None:
    life = "life: {approved: {by: b, on: 2026-01-01}, deprecated: {on: 2026-02-01, sunset: 2026-03-01}}\n"
    catalogue = catalogue_of("name: m\ntargets: [{target: p/m}]\n" + life)
    policy = access_of("rules:\n" + allow() + deny("no-new-use", "statuses: [deprecated]"), catalogue=catalogue)
    for day, allowed in (("2026-01-15", True), ("2026-02-15", False), ("2026-01-15", True), ("2026-03-15", False)):
        assert bool(asked(policy, catalogue, now=at(day)).permits) == allowed, day
        assert listed(policy, catalogue, now=at(day)) == (["m"] if allowed else []), day


def listed(policy: AccessPolicy, catalogue: Catalogue, now: float = NOW) -> list[str]:
    who = Principal(key_id="k", tenant="acme", team="red")
    return list(usable(policy, catalogue, who, ("chat",), "internal", now, {"p"}))


def test_a_condition_on_requests_hides_no_model_that_some_request_may_use() -> None:
    small = "rules:\n" + allow() + deny("d", 'when: "request.max_output_tokens == 0"')
    assert listed(access_of(small), ONE) == ["m"]
    never = "rules:\n" + allow() + deny("d", 'when: "model.retention_days > 30"')
    assert listed(access_of(never), ONE) == []
    kept = catalogue_of(card("m", ", data: {retention_days: 7}"))
    assert listed(access_of(never), kept) == ["m"]


def test_a_condition_that_takes_too_many_steps_denies() -> None:
    """A token may bring 256 groups: three loops over them are more than CEL is given time for."""
    loops = "subject.claims['g'].all(a, subject.claims['g'].all(b, subject.claims['g'].all(c, a + b + c != 'x')))"
    policy = access_of("rules:\n" + allow() + f'  - {{id: d, effect: deny, owner: o, reason: r, when: "{loops}"}}\n')
    groups = tuple(str(number) for number in range(256))
    who = Principal(key_id="k", tenant="acme", team="red", claims={"g": groups})
    model = Model(name="m", target=Target("p", "m"), place="p/m", life=Life(approved_from=0.0))
    decision = policy.decide(who, model, "chat", Attributes(), NOW)
    assert (decision.allowed, decision.basis, decision.rule_id) == (False, "condition", "d")
    assert not policy.may_ever(who, model, ("chat",), "", NOW)


def test_a_rule_for_some_requests_hides_no_model_that_others_may_use() -> None:
    big = 'when: "request.max_output_tokens > 100"'
    strict = "rules:\n" + allow("a") + allow("b", f'obligations: {{regions: ["eu-*"]}}, {big}')
    assert asked(access_of(strict), ONE).permits
    assert not asked(access_of(strict), ONE, most=101).permits
    assert listed(access_of(strict), ONE) == ["m"]
    only = "rules:\n" + allow("b", f'obligations: {{regions: ["eu-*"]}}, {big}')
    assert listed(access_of(only), ONE) == []
    lifted = "rules:\n" + deny() + "exceptions:\n" + exception("x", f"lifts: [d], teams: [red], {big}")
    assert listed(access_of(lifted), ONE) == ["m"]
