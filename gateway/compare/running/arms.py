"""What each arm is sent for each case: put together first, so that what cannot be asked is found at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.compare.cases import Case
from gateway.compare.running.trials import Arm
from gateway.stores.documents import DocumentError

# A local prompt's text for a case, as the body of a chat completion; raises ValueError, which says why there is none.
Render = Callable[[Arm, Case], Mapping[str, Any]]


def requests_for(
    file: str, arms: Sequence[Arm], cases: Sequence[Case], render: Render
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """By (arm, case). `file`: of the cases, as errors name it.

    Raises:
        DocumentError: a case has not got what an arm needs, with its line.
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for case in cases:
        for arm in arms:
            try:
                found[arm.name, case.id] = request_for(arm, case, render)
            except ValueError as error:
                raise DocumentError(file, case.line, f"{case.id} cannot be asked of {arm.name}: {error}") from None
    return found


def request_for(arm: Arm, case: Case, render: Render) -> Mapping[str, Any]:
    """The body of a chat completion.

    Raises:
        ValueError: the case has no conversation for a model, or the prompt cannot be rendered with its variables.
    """
    if arm.kind != "prompt":
        if not case.messages:
            reason = "it has no `messages`; models and routes are asked a conversation"
            raise ValueError(f"{reason}, a case of `vars` is for prompts (--prompts NAME@X)")
        return {"model": arm.model, "messages": list(case.messages), **arm.parameters}
    if arm.local:
        return render(arm, case)
    named: dict[str, Any] = {"id": arm.prompt, "version": version_of(arm), "variables": dict(case.vars)}
    request: dict[str, Any] = {"prompt": named, **arm.parameters}
    if arm.model:
        request["model"] = arm.model
    if case.messages:
        request["messages"] = list(case.messages)
    return request


def version_of(arm: Arm) -> str:
    """By its number, if it is known: a label can move while a run goes on."""
    return str(arm.version) if arm.version else arm.label
