"""A model as policies see it: the facts of its card about one target, and how a decision about it ends."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from gateway.core.target import Target

Hosting = Literal["hosted", "self-served"]
# From the most to the least that one may do with a model.
LicenceClass = Literal["open", "open-weights-restricted", "commercial-terms", "non-commercial"]
Risk = Literal["low", "medium", "high"]
# `expired`: its approval has run out. `retired`: its sunset has come.
Status = Literal["draft", "approved", "expired", "deprecated", "retired", "revoked"]
USABLE: frozenset[Status] = frozenset({"approved", "deprecated"})


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """When a model may be used: Unix seconds, None for never. `approved_until` and `sunset` are the first moment after.

    state       from                        to
    draft       the card is written         approved_from
    approved    approved_from               deprecated_from, approved_until
    deprecated  deprecated_from             sunset, approved_until
    expired     approved_until              –
    retired     sunset                      –
    revoked     revoked_from                –            (overrides all)
    """

    approved_from: float | None = None
    approved_until: float | None = None
    deprecated_from: float | None = None
    sunset: float | None = None
    revoked_from: float | None = None

    def status(self, now: float) -> Status:
        """The state at a moment."""
        if self.revoked_from is not None and now >= self.revoked_from:
            return "revoked"
        if self.approved_from is None or now < self.approved_from:
            return "draft"
        if self.sunset is not None and now >= self.sunset:
            return "retired"
        if self.approved_until is not None and now >= self.approved_until:
            return "expired"
        if self.deprecated_from is not None and now >= self.deprecated_from:
            return "deprecated"
        return "approved"

    def instants(self) -> list[float]:
        """The moments at which the state may change."""
        return [at for at in msgspec.structs.astuple(self) if at is not None]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one target, as its card describes it.

    Attributes:
        name: the card's; aliases: its other names. place: the target as text. publisher: who made the model.
        provider: the target's provider, a name in config.yaml. region: where that target computes.
        licence: SPDX expression; licence_class: the strictest of its own and of all it is derived from.
        retention_days: how long the provider keeps requests, None if not known. residency: where they may be kept.
        trains_on_inputs: None if not known, which policies take for yes.
        tools: whether it calls tools, None if not known.
        successor: what to use instead, once deprecated. revoked_reason: why it may not be used any more.
        unfit: why the card cannot be used whatever its life says (digests that do not match, say); empty if it can.
        missing: the names of facts that the card does not tell.
    """

    name: str
    target: Target
    place: str = ""
    aliases: tuple[str, ...] = ()
    title: str = ""
    publisher: str = ""
    hosting: Hosting = "hosted"
    region: str = ""
    licence: str = ""
    licence_class: LicenceClass | None = None
    risk: Risk | None = None
    retention_days: int | None = None
    trains_on_inputs: bool | None = None
    residency: tuple[str, ...] = ()
    context_tokens: int | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    tools: bool | None = None
    life: Life = Life()
    successor: str = ""
    revoked_reason: str = ""
    unfit: str = ""
    missing: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        return self.target.provider

    @property
    def takes_anything(self) -> bool:
        """No fact of the card leaves a kind of request out: nothing of a request need be looked at for it."""
        return not self.inputs and self.tools is not False


class Attributes(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What decisions look at of a request itself, besides its operation.

    Attributes:
        data_class: the classification of what is sent.
        max_output_tokens: the most it asks for, 0 if it does not say.
        tools: it brings tools. hosted_tools: the kinds among them that the provider runs (`web_search`), sorted.
        prompt: the prompt of the registry that it was made from.
    """

    data_class: str = ""
    stream: bool = False
    max_output_tokens: int = 0
    tools: bool = False
    hosted_tools: tuple[str, ...] = ()
    prompt: str = ""


class Obligations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What an allowed call must keep to. Those of several rules add up; the strictest wins.

    Attributes:
        max_output_tokens: the answer is cut to this, whatever the request asks for.
        regions: patterns; only targets in such a region may be used.
        forbid_tools: a request that brings tools is refused.
        no_content: nothing of what was said is kept: no stored responses, no content in logs or traces.
        require_prompt: only calls made from a prompt of the registry. guards: names of guards that must look at it.
    """

    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    regions: tuple[str, ...] | None = None
    forbid_tools: bool = False
    no_content: bool = False
    require_prompt: bool = False
    guards: tuple[str, ...] = ()


NOTHING = Obligations()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """May this caller use this model for this?

    Attributes:
        rule_id: the rule or exception that decided; empty if none did.
        basis: `rule` an allow or a deny that matched; `exception`; `no_rule` nothing allows it; `card` the model itself
            may not be used by anybody; `condition` a condition could not be evaluated; `obligation` the request does
            not keep to what the allowing rule asks for.
        reason: in words, for the caller. remedy: what would have allowed it, or whom to ask; empty if allowed.
        code: the stable code of a refusal; empty if allowed.
        would_deny: rules in audit mode that would have refused it.
    """

    allowed: bool
    rule_id: str = ""
    basis: Literal["rule", "exception", "no_rule", "card", "condition", "obligation"] = "rule"
    reason: str = ""
    code: str = ""
    remedy: str = ""
    obligations: Obligations = NOTHING
    would_deny: tuple[str, ...] = ()


class Permit(msgspec.Struct, frozen=True):
    """A target that policy lets a call use."""

    model: Model
    decision: Decision


class Catalogue(msgspec.Struct, frozen=True):
    """Which models there are. `names`: every name a card gives to callers, with that card's targets, best first;
    `models`: each target's model. `version`: digest of the cards."""

    names: Mapping[str, tuple[Target, ...]] = {}
    models: Mapping[Target, Model] = {}
    version: str = ""

    def of(self, targets: Sequence[Target]) -> list[tuple[Target, Model | None]]:
        """The targets with their models; None for one that no card describes."""
        return [(target, self.models.get(target)) for target in targets]
