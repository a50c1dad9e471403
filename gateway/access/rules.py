"""The shape of policies/access.yaml and policies/access/*.yaml: rules and exceptions."""

from typing import Annotated, Literal

import msgspec

from gateway.core.days import Moment
from gateway.core.model import NOTHING, Hosting, LicenceClass, Obligations, Risk, Status

Effect = Literal["allow", "deny"]
RENAMED = {"from_": "from"}


class Matching(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a rule is about. A condition that is left out matches everything; all that stand there must hold; of a list
    one word is enough. `*` and `?` are wildcards where a word is free text.

    Attributes:
        tenants, teams: who calls.
        labels: of the caller's key, or mapped from a token: label → pattern; all must match.
        environments: patterns of the label `env`.
        claims: of the caller's token: claim → patterns; one of the claim's words must match.
        data_classes: the classification of what is sent (tenants.yaml names them).
        models: patterns of a card's name or of one of its aliases, whatever the caller called it.
        providers: patterns of the target's provider, a name in config.yaml. publishers: of who made the model.
        hosting: hosted or self-served. regions: patterns of where the target computes.
        licences: patterns of the SPDX expression. licence_classes: with what is inherited by lineage.
        risks, statuses: of the card.
        trains_on_inputs: whether the target's provider trains models on what is sent.
        operations: chat, completions, responses, messages, embeddings … and `tools`, for calls that bring tools.
        when: a condition in CEL over `subject`, `model` and `request`.
    """

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    environments: tuple[str, ...] | None = None
    claims: dict[str, tuple[str, ...]] | None = None
    data_classes: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    publishers: tuple[str, ...] | None = None
    hosting: tuple[Hosting, ...] | None = None
    regions: tuple[str, ...] | None = None
    licences: tuple[str, ...] | None = None
    licence_classes: tuple[LicenceClass, ...] | None = None
    risks: tuple[Risk, ...] | None = None
    statuses: tuple[Status, ...] | None = None
    trains_on_inputs: bool | None = None
    operations: tuple[str, ...] | None = None
    when: str = ""


class Rule(Matching, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=RENAMED):
    """One rule. What no rule allows is refused; a deny overrides every allow; the order of rules never matters.

    Attributes:
        owner, reason: who answers for the rule, and why it is there; both are shown to whom it refuses.
        mode: `audit` only counts what the rule would refuse.
        from, until: when it is in force; days are UTC and inclusive.
        obligations: what calls that this rule allows must keep to.
    """

    id: str
    effect: Effect
    owner: str
    reason: str
    mode: Literal["enforce", "audit"] = "enforce"
    from_: Moment | None = None
    until: Moment | None = None
    obligations: Obligations = NOTHING


class PolicyException(Matching, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=RENAMED):
    """Allows, for a while, exactly what it matches, and lifts exactly the denies it names: any other still holds.

    Attributes:
        lifts: ids of the deny rules it lifts.
        owner: who asked for it; approver: who granted it, somebody else. ticket: where that is written down.
        from, until: both are needed; past `until` it has no effect, without a change to the file.
    """

    id: str
    lifts: tuple[str, ...] = ()
    owner: str
    approver: str
    reason: str
    ticket: str = ""
    from_: Moment
    until: Moment
    obligations: Obligations = NOTHING


class AccessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rules and exceptions. The two settings may stand in access.yaml only.

    Attributes:
        max_exception_days: the longest an exception may last.
        hide_models: a model that a caller may not use is answered like one that does not exist.
    """

    rules: tuple[Rule, ...] = ()
    exceptions: tuple[PolicyException, ...] = ()
    max_exception_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    hide_models: bool | None = None
