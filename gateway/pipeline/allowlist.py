"""May this caller use this model for this? A name is resolved to its targets, and each of them is judged; what comes
after works with those that are permitted and no others."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gateway.access.asking import Verdict, ask
from gateway.access.nearby import nearby
from gateway.access.policy import AccessPolicy
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import BadRequest, Fault, NotAllowed, NotFound
from gateway.core.model import Attributes, Decision, Permit
from gateway.core.principal import Principal
from gateway.identity.tenants import Tenants
from gateway.pipeline.attributes import attributes_of, attributes_text
from gateway.pipeline.obliging import oblige
from gateway.pipeline.parts import Parts

CLASS_HEADER = b"x-gateway-data-class"


class Judging(msgspec.Struct, frozen=True, eq=False):
    """How the names of one call are judged: by the rules that were in force when it came, whenever it is asked."""

    parts: Parts
    policy: AccessPolicy
    caller: Principal
    operation: str
    attributes: Attributes

    def asked(self, name: str) -> Verdict:
        parts = self.parts
        now = parts.clock.now()
        return ask(self.policy, parts.catalogue.value, self.caller, name, self.operation, self.attributes, now)

    def meant(self, name: str) -> str:
        """The name that this very call can use now and that `name` is most like; empty if none is like it. What the
        caller may not use, or nobody can for want of a credential, is never named, and changes nothing of what is."""
        close, served = nearby(name, self.parts.catalogue.value.names), self.parts.served
        return next(
            (one for one in close if any(permit.model.provider in served for permit in self.asked(one).permits)), ""
        )

    def __call__(self, call: Call, name: str) -> Sequence[Permit]:
        """What `Call.judge` is to say."""
        return _judged(call, self.asked(name).permits, self.parts)


def allowlist(parts: Parts) -> Layer:
    access, tenants = parts.access, parts.tenants

    def layer(service: Service) -> Service:
        def allowed(call: Call) -> Awaitable[Reply]:
            policy, caller, record = access.value, call.caller, call.record
            data_class = caller.data_class
            if CLASS_HEADER in call.headers:
                data_class = classed(call.headers, caller, tenants.value)
            attributes = attributes_of(call, data_class)
            judging = Judging(parts, policy, caller, call.operation.name, attributes)
            verdict = judging.asked(call.model)
            permits = verdict.permits
            record.policy_version = policy.version
            record.facts, record.data_class = caller.facts, data_class
            record.attributes = attributes_text(attributes)
            if not permits:
                record.rule_id = verdict.refusal.rule_id
                raise refused(call.model, verdict.refusal, policy, record.prompt_id, judging.meant)
            decision = permits[0].decision
            record.rule_id = decision.rule_id
            record.would_deny = " ".join(decision.would_deny)
            call.permits = [discreet(one, judging.asked) for one in permits] if policy.hide else permits
            if verdict.obliges:
                oblige(call, permits, parts.output_field)
            call.judge = judging
            return service(call)

        return allowed

    return layer


def _judged(call: Call, permits: Sequence[Permit], parts: Parts) -> Sequence[Permit]:
    """Those of another model's targets that the call may go to instead, the call kept to what they ask for. Guards have
    looked at it already: a target that wants others is none."""
    looked = {guard for one in call.permits for guard in one.decision.obligations.guards}
    found = [one for one in permits if looked.issuperset(one.decision.obligations.guards)]
    try:
        oblige(call, found, parts.output_field)
    except BadRequest:
        return ()
    return found


def classed(headers: Mapping[bytes, bytes], caller: Principal, tenants: Tenants) -> str:
    """The class of what is sent: the caller's, or a higher one that the request names. Of several (a proxy adds its own
    to a client's) the highest counts.

    Raises:
        BadRequest: it names none of the declared classes.
    """
    said = headers.get(CLASS_HEADER)
    if not said:
        return caller.data_class
    words = [word for one in said.decode("latin-1").split(",") if (word := one.strip())]
    try:
        return tenants.highest(caller.data_class, *words)
    except ValueError as error:
        raise BadRequest(str(error), code="unknown_data_class", param=CLASS_HEADER.decode()) from None


def discreet(permit: Permit, asked: Callable[[str], Verdict]) -> Permit:
    """The permit without a successor that the caller may not use, and so may not hear of."""
    model = permit.model
    if not model.successor or asked(model.successor).permits:
        return permit
    return Permit(msgspec.structs.replace(model, successor=""), permit.decision)


def refused(model: str, refusal: Decision, policy: AccessPolicy, prompt: str, meant: Callable[[str], str]) -> Fault:
    """The refusal as the caller sees it. Where denied models are hidden, it is the one for a model that is not there:
    the same words, whatever the reason. `prompt`: the one whose model it is. `meant`: see `Judging`."""
    said = f", which the prompt `{prompt}` asks," if prompt else ""
    if refusal.code == "model_not_found" or policy.hide:
        near = meant(model)
        hint = f"did you mean `{near}`? " if near else ""
        return NotFound(
            f"the model `{model}`{said} does not exist; {hint}GET /v1/models lists those you may use",
            code="model_not_found",
            param="model",
        )
    return NotAllowed(
        f"{refusal.reason}; {refusal.remedy}",
        code=refusal.code,
        param="tools" if refusal.code == "tools_not_allowed" else "model",
        details={
            "basis": refusal.basis,
            "rule_id": refusal.rule_id or None,
            "remedy": refusal.remedy,
            "policy_version": policy.version,
        },
    )
