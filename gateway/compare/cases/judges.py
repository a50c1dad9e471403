"""Judges as files declare them."""

from collections.abc import Mapping

from gateway.compare.cases.document import JudgeDocument
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.judging.prompts import BLOCKS
from gateway.compare.grading.templates import Template
from gateway.compare.grading.values import Wrong
from gateway.stores.jsonvalues import as_json
from gateway.stores.wording import nearest

# What the gateway says of each request to a judge itself.
_FIXED = frozenset({"messages", "model", "n", "response_format", "stream", "temperature", "tools"})


def judges_of(declared: Mapping[str, JudgeDocument]) -> dict[str, Judge]:
    """Raises:
    Wrong: one without a model, with a prompt that is no template, or with a parameter that is not its own to set.
    """
    return {name: _judge(name, document) for name, document in declared.items()}


def _judge(name: str, document: JudgeDocument) -> Judge:
    place = ("judges", name)
    if not name.strip() or not document.model.strip():
        raise Wrong((*place, "model"), "a judge has a name and a model")
    for key in document.params:
        if key in _FIXED:
            raise Wrong((*place, "params", key), f"`{key}` is not for a judge to set: grades must compare")
    try:
        roots = Template(document.prompt).roots
    except ValueError as error:
        raise Wrong((*place, "prompt"), str(error)) from None
    for root in sorted(roots - set(BLOCKS)):
        raise Wrong((*place, "prompt"), f"there is no `{{{{{root}}}}}` for a judge{nearest(root, list(BLOCKS))}")
    return Judge(name=name, model=document.model, prompt=document.prompt, params=as_json(document.params))
