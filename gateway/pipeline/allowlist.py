"""May this caller use this model for this? Deny by default; the refusal names the rule and what to ask for."""

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import NotAllowed, NotFound
from gateway.pipeline.parts import Parts


def allowlist(parts: Parts) -> Layer:
    access, known_model = parts.access, parts.known_model

    def layer(service: Service) -> Service:
        async def allowed(call: Call) -> Reply:
            if not known_model(call.model):
                raise NotFound(
                    f"the model `{call.model}` does not exist; GET /v1/models lists those you may use",
                    code="model_not_found",
                    param="model",
                )
            policy = access.value
            decision = policy.decide(call.caller, call.model, call.operation.name)
            record = call.record
            record.rule_id, record.policy_version = decision.rule_id, policy.version
            if not decision.allowed:
                raise NotAllowed(
                    f"{decision.reason}; {decision.remedy}",
                    code=decision.code,
                    param="model",
                    details={"rule_id": decision.rule_id or None, "remedy": decision.remedy},
                )
            return await service(call)

        return allowed

    return layer
