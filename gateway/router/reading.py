"""Whether a target's model takes what a request holds, by what its card declares (`modalities.input`, `tools`)."""

from collections.abc import Sequence

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.model import Model, Permit
from gateway.dialects.forcing import forced_tool
from gateway.dialects.media import MEDIA, media

# What of a request that brings tools stands in its attributes, as its record keeps them.
_BRINGS_TOOLS = '"tools":true'


def unread(call: Call, permit: Permit) -> BadRequest | None:
    """What the caller is told of the first image, sound or video in the request that the target's model does not read,
    or that a tool must be called and it calls none; None: it takes all of that, or its card does not say. Nearly always
    nothing of the request is decoded for that."""
    reads, protocol = permit.model.inputs, call.operation.protocol
    if permit.model.tools is False and protocol and (where := forced_tool(protocol, call.fields)):
        return _no_tools(permit.model, where)
    if not reads or not protocol or MEDIA.keys() <= set(reads):
        return None
    known = call.media
    if known is None or known[0] is not call.fields:  # each target is looked at, some twice, and the body may be large
        known = call.media = (call.fields, media(protocol, call.fields))
    for kind, where in known[1].items():
        if kind not in reads:
            return _not_read(permit.model, kind, where)
    return None


def readers(call: Call, permits: Sequence[Permit]) -> Sequence[Permit]:
    """Those whose models read what the request holds; all of them if none does. What the others would refuse must
    neither be told in the place of a reader's failure, which passes, nor be counted as an attempt of theirs."""
    kept = [permit for permit in permits if unread(call, permit) is None]
    return kept if 0 < len(kept) < len(permits) else permits


def ignored_tools(call: Call, model: Model) -> str:
    """A warning of the request's tools, where the model calls none: they are passed on, and it answers without."""
    if model.tools is not False or _BRINGS_TOOLS not in call.record.attributes:
        return ""
    return f"the model {model.name} calls no tools, and answers as if there were none"


def _no_tools(model: Model, where: str) -> BadRequest:
    return BadRequest(
        f"`{where}` says that a tool must be called, and the model `{model.name}` calls none; leave it out, or ask a "
        "model that calls tools",
        code="tools_not_supported",
        param=where,
    )


def _not_read(model: Model, kind: str, where: str) -> BadRequest:
    reads, (one, many) = " and ".join(model.inputs), MEDIA[kind]
    return BadRequest(
        f"`{where}` holds {one}, and the model `{model.name}` reads {reads} only; leave it out, or ask a model that "
        f"reads {many}",
        code="input_not_supported",
        param=where,
    )
