"""A prompt's text put together here, as the gateway would put it: for drafts, and for files that are not published."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.compare.cases import Case
from gateway.core.faults import Fault
from gateway.dialects.merging import Owned, merged
from gateway.prompts.dotprompt import Prompt
from gateway.prompts.dotprompt.checking import check
from gateway.prompts.handlebars import Limits
from gateway.prompts.requests import make_frame, turns_of
from gateway.prompts.variables import plain_values

LIMITS = Limits()
_EVERYTHING = frozenset({"*"})


def rendered(prompt: Prompt, name: str, case: Case, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a chat completion.

    Args:
        own: fields that win over the prompt's, whatever its owner lets callers say: whoever tests a prompt here could
            as well edit it. `model` among them, if the prompt has none.

    Raises:
        ValueError: the case's variables are not what the prompt takes, or nobody says which model.
    """
    said: dict[str, Any] = dict(own)
    if case.messages:
        said["messages"] = list(case.messages)
    try:
        before, after = turns_of(prompt, check(prompt, plain_values(case.vars)), LIMITS)
        frame = make_frame(prompt)
        request = msgspec.structs.replace(frame.request, messages=before)
        changes = merged("chat", Owned(request, after, _EVERYTHING, name), said.get)
    except Fault as fault:
        raise ValueError(fault.message) from None
    body = {**said, **changes}
    body.setdefault("model", frame.request.model)
    if not body["model"]:
        raise ValueError("the prompt names no model; say one with --models")
    return {key: value for key, value in body.items() if value is not None}
