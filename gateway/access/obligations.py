"""What allowed calls must keep to: added up over the rules that allow, the strictest wins."""

from collections.abc import Sequence

from gateway.access.entries import Entry
from gateway.core.globs import compile_globs
from gateway.core.model import NOTHING, Attributes, Decision, Model, Obligations


def added_up(several: Sequence[Obligations]) -> Obligations:
    """All of them at once. `regions` is for explanations only: each rule's own is what `outside_regions` asks."""
    found = [one for one in several if one != NOTHING]
    if len(found) < 2:
        return found[0] if found else NOTHING
    caps = [one.max_output_tokens for one in found if one.max_output_tokens is not None]
    regions = sorted({region for one in found for region in one.regions or ()})
    return Obligations(
        max_output_tokens=min(caps, default=None),
        regions=tuple(regions) or None,
        forbid_tools=any(one.forbid_tools for one in found),
        no_content=any(one.no_content for one in found),
        require_prompt=any(one.require_prompt for one in found),
        guards=tuple(sorted({guard for one in found for guard in one.guards})),
    )


def outside_regions(allowers: Sequence[Entry], model: Model) -> Decision | None:
    """The refusal of a target that is not where a rule that allows the call wants it; None if all are content."""
    for one in allowers:
        regions = one.source.obligations.regions
        if regions is not None and not (model.region and compile_globs(regions)(model.region)):
            return _refused(
                one.id,
                f"the rule `{one.id}` allows the model `{model.name}` in the regions {', '.join(regions)} only, and "
                f"{model.place} is in {model.region or 'a region that its card does not tell'}",
                "model_not_allowed",
                f"ask {one.source.owner}",
            )
    return None


def broken(decision: Decision, model: Model, attributes: Attributes) -> Decision | None:
    """The refusal of a request that does not keep to what its permission asks for; None if it does."""
    asked = decision.obligations
    if asked.forbid_tools and attributes.tools:
        return _refused(
            decision.rule_id,
            f"the model `{model.name}` is allowed without tools, and the request brings some",
            "tools_not_allowed",
            "send the request without `tools`",
        )
    if asked.require_prompt and not attributes.prompt:
        return _refused(
            decision.rule_id,
            f"the model `{model.name}` is allowed for prompts of the registry only",
            "prompt_required",
            "call it with a registered prompt",
        )
    return None


def in_words(found: Obligations) -> str:
    """`max_output_tokens 1000, no_content`; empty for none."""
    words = {
        "max_output_tokens": "" if found.max_output_tokens is None else str(found.max_output_tokens),
        "regions": "+".join(found.regions or ()),
        "guards": "+".join(found.guards),
    }
    flags = [name for name in ("forbid_tools", "no_content", "require_prompt") if getattr(found, name)]
    return ", ".join([*(f"{name} {value}" for name, value in words.items() if value), *flags])


def _refused(rule_id: str, reason: str, code: str, remedy: str) -> Decision:
    return Decision(allowed=False, rule_id=rule_id, basis="obligation", reason=reason, code=code, remedy=remedy)
