"""An upstream's refusal in which the caller is told which model it is, and what to do."""

from collections.abc import Mapping

from gateway.core.call import Call
from gateway.core.faults import UpstreamRefused
from gateway.dialects.refusals import CONTEXT_EXCEEDED, INPUT_UNSUPPORTED, OPERATION_UNSUPPORTED, too_long

_TOLD: Mapping[str, str] = {
    INPUT_UNSUPPORTED: (
        "the model `{model}` does not read all that the request holds; its upstream says: {said}. Leave it out, or ask "
        "a model that reads it"
    ),
    OPERATION_UNSUPPORTED: (
        "the model `{model}` is served by an upstream that has no `{operation}`; it says: {said}. Ask a model that has "
        "it, or an operator to switch it on"
    ),
}


def tell_model(fault: UpstreamRefused, call: Call) -> None:
    """Tell a fault's message anew where the upstream's own words do not help: they are written for whoever runs the
    upstream."""
    if fault.code == CONTEXT_EXCEEDED:
        fault.message = too_long(fault.details, f"the model `{call.model}`")
        fault.args = (fault.message,)
    elif (told := _TOLD.get(fault.code)) is not None:
        said = fault.message.rstrip(". ")
        fault.message = told.format(model=call.model, operation=call.operation.name, said=said)
        fault.args = (fault.message,)
        fault.param = fault.param or "model"
