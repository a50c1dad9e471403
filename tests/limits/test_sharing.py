"""`sharing` in limits.yaml: who weighs how much, and who goes before whom."""

import pytest

from gateway.core.principal import Principal
from gateway.core.share import Share
from gateway.limits.loading import read_limits
from gateway.limits.matching import Asked
from gateway.limits.rules import LimitPolicy
from gateway.stores.documents import DocumentError, Text

SHARING = """
sharing:
  weights:
    - {match: {tenants: [bank]}, weight: 3}
    - {match: {teams: [research], models: ["gpt-*"]}, weight: 0.5}
  priorities:
    - {match: {labels: {kind: batch}}, priority: batch}
"""


def policy(text: str) -> LimitPolicy:
    return read_limits(Text("limits.yaml", text.encode()), {"tenants": ["bank", "shop"], "teams": ["research"]})


def caller(tenant: str, team: str = "a", **labels: str) -> Principal:
    return Principal(key_id="key_1", tenant=tenant, team=team, labels=labels)


def test_the_first_entry_that_matches_counts() -> None:
    shares = policy(SHARING).shares
    assert shares.share_of(caller("bank"), "gpt-4") == Share("bank", 3.0)
    assert shares.share_of(caller("bank", "research"), "gpt-4") == Share("bank", 3.0)
    assert shares.share_of(caller("shop", "research"), "gpt-4") == Share("shop", 0.5)
    assert shares.share_of(caller("shop", "research"), "claude") == Share("shop")


def test_one_key_may_have_callers_with_other_labels() -> None:
    shares = policy(SHARING).shares
    assert shares.share_of(caller("shop", kind="batch"), "gpt-4").priority == "batch"
    assert shares.share_of(caller("shop", kind="chat"), "gpt-4").priority == "interactive"


def test_prompts_and_groups_of_models_may_be_matched() -> None:
    shares = policy(
        "model_groups: {large: ['gpt-*']}\nsharing:\n"
        "  priorities: [{match: {prompts: [nightly], model_groups: [large]}, priority: batch}]\n"
    ).shares
    assert shares.asks
    assert shares.share_of(caller("shop"), "gpt-4", Asked(prompt="nightly")).priority == "batch"
    assert shares.share_of(caller("shop"), "gpt-4").priority == "interactive"
    assert shares.share_of(caller("shop"), "small", Asked(prompt="nightly")).priority == "interactive"


def test_without_the_section_all_are_equal() -> None:
    assert policy("limits: []").shares.share_of(caller("shop"), "gpt-4") == Share("shop", 1.0, "interactive")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{match: {tenants: [bnak]}, weight: 3}", "bank"),
        ("{match: {teams: []}, weight: 3}", "matches nothing"),
        ("{match: {tenants: [bank]}, weight: 0}", "more than 0"),
        ("{match: {tenants: [bank]}, weigth: 1}", "weight"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_with_its_line(entry: str, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        policy(f"sharing:\n  weights:\n    - {entry}\n")
    assert said in str(refused.value)
    assert "limits.yaml:3" in str(refused.value)
