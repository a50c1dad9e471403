"""Calls that name a prompt of the registry: it is rendered and put into the request before anybody judges that.

A call names one in its body (`prompt: {id, version, variables}`, as OpenAI's Responses API has it; here in chat
completions and the other dialects too), in the header `x-prompt: NAME[@VERSION]`, or as its model,
`prompt:NAME[@VERSION]`. VERSION is a label, a number, or a digest; without one, the label `production` counts. A call
that names none is made from the one that is its caller's default (`default_for` of prompt.yaml), if there is one;
`x-prompt: none` says that it is to be sent as it is. Whether it may be is for access rules to say (`require_prompt`).
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.additions import Templated
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.conversation import Inline, Text
from gateway.core.faults import BadRequest, Fault
from gateway.dialects.merging import CONVERSATIONS, Owned, may_bring_instructions, merged, said_anew
from gateway.dialects.openai.body import model_missing
from gateway.dialects.owned import fitted
from gateway.pipeline.obliging import Overridden
from gateway.pipeline.parts import Parts
from gateway.prompts.dotprompt.checking import VariablesError, check
from gateway.prompts.handlebars import RenderError
from gateway.prompts.library import Resolved, visible_to
from gateway.prompts.requests import Frame, frame_of, turns_of
from gateway.prompts.variables import plain_values
from gateway.providers.dropping import tell_dropped

HEADER = b"x-prompt"
NO_PROMPT = b"none"
MODEL = "prompt:"
REPLY_HEADER = "x-gateway-prompt"
_FIELD = "prompt"
_DEFAULT = " (these calls are made from it by default; with the header `x-prompt: none` they are made from none)"
MAX_SHOWN = 100  # characters of a name that a caller made up
_MEMBERS = frozenset({"id", "version", "variables"})


class Named(msgspec.Struct, frozen=True):
    """A prompt as a call names it. `where`: the field, the header or the model that does; empty if nothing does."""

    name: str
    version: str
    variables: Mapping[str, Any]
    where: str


def prompt_template(parts: Parts) -> Layer:
    def layer(service: Service) -> Service:
        def templated(call: Call) -> Awaitable[Reply]:
            if call.operation.protocol not in CONVERSATIONS:
                _refuse_named(call)
            elif (named := asked_for(call, parts)) is not None:
                put_in(call, named, parts)
            if not call.model:
                raise model_missing()
            return service(call)

        return templated

    return layer


def _refuse_named(call: Call) -> None:
    """Raises: BadRequest: a prompt is named where none can be put in; without it the answer would be another one."""
    header = call.headers.get(HEADER)
    where = HEADER.decode() if header and header != NO_PROMPT else "model" if call.model.startswith(MODEL) else ""
    if not where and call.operation.name == "count_tokens" and call.fields.get(_FIELD) is not None:
        where = _FIELD
    if where:
        raise BadRequest(
            f"`{where}` names a prompt; they are put into chat completions, responses, messages and generateContent, "
            f"and not into what {call.operation.path.rpartition(':')[2]} takes",
            code="unsupported_parameter",
            param=where,
        )


def asked_for(call: Call, parts: Parts) -> Named | None:
    """The prompt that the call is made from: the one that it names, or else its caller's own.

    Raises:
        BadRequest: it names two, or none where there are several or none to take.
    """
    library = parts.prompts.value
    said = library.has_defaults or HEADER in call.headers or call.model.startswith(MODEL)
    if not said and call.fields.get(_FIELD) is None:  # nearly always
        return None
    named = named_by(call)
    if named is not None and named.name:
        return named
    caller, as_it_is = call.caller, call.headers.get(HEADER) == NO_PROMPT
    defaults = () if as_it_is else library.defaults_of(caller.tenant, caller.team, caller.labels)
    if len(defaults) == 1:
        given = named or Named("", "", {}, "")
        return Named(defaults[0], given.version, given.variables, "")
    if defaults:
        raise BadRequest(f"say which prompt as `prompt.id`: {', '.join(defaults)}", param="prompt.id")
    if named is None:
        return None
    raise BadRequest("`prompt` must say which one: {id, version?, variables?}", param="prompt.id")


def named_by(call: Call) -> Named | None:
    """The prompt that the call names, if any; one without a name, if it only has variables.

    Raises:
        BadRequest: it names two.
    """
    header = call.headers.get(HEADER)
    header = None if header == NO_PROMPT else header
    by_model = call.model.removeprefix(MODEL) if call.model.startswith(MODEL) else ""
    value = call.fields.get(_FIELD)
    if not (header or by_model) and value is None:
        return None
    name, version, variables = _from_field(value)
    found = [Named(name, version, variables, "prompt.id")] if name else []
    for text, where in ((by_model, "model"), ((header or b"").decode("latin-1").strip(), HEADER.decode())):
        if text:
            name, _, wanted = text.partition("@")
            found.append(Named(name, wanted or version, variables, where))
    if not found:
        return Named("", version, variables, "")
    first = found[0]
    for other in found[1:]:
        if (other.name, other.version) != (first.name, first.version):
            raise BadRequest(f"the request names two prompts, in `{first.where}` and in `{other.where}`", param=_FIELD)
    return first


def put_in(call: Call, named: Named, parts: Parts) -> None:
    """Make the call the prompt's: its messages and what it sets go into the fields, its model is asked.

    Raises:
        NotFound: there is no such prompt or version for this caller. UnusablePrompt: it is broken. BadRequest: its
        variables are not what it takes, the request says what the prompt keeps to itself, or the API that it comes by
        has no place for what the prompt needs.
    """
    record = call.record
    found = _resolved(call, named, parts)
    frame = frame_of(found.prompt)
    given = plain_values(named.variables)
    try:
        values = check(found.prompt, given)
        before, after = turns_of(found.prompt, values, parts.prompt_limits)
    except VariablesError as error:
        raise BadRequest(
            f"the prompt `{found.name}` cannot be made of these variables: {error}{'' if named.where else _DEFAULT}",
            code="invalid_prompt_variables",
            param=error.problems[0].path,
        ) from None
    except RenderError as error:
        raise BadRequest(f"the prompt `{found.name}` cannot be rendered: {error}", param=_FIELD) from None
    model = _model(call, named, found, frame)
    request = msgspec.structs.replace(frame.request, messages=before)
    owned, left_out = fitted(call.operation.protocol, Owned(request, after, frame.overridable, found.name))
    changes: dict[str, object] = merged(call.operation.protocol, owned, call.fields.get)
    if not call.operation.model_in_path:
        changes["model"] = model
    call.templated = _brought(call.operation.protocol, owned, frame, left_out)
    tell_dropped(call, ())
    call.fields = Overridden(call.fields, {**changes, _FIELD: None})
    call.model = record.model = model
    record.prompt_id = f"{found.name}@{found.version}"
    record.prompt_digest, record.prompt_label = found.digest, found.label
    record.prompt_variables = parts.prompt_fingerprint(given)
    call.reply_headers[REPLY_HEADER] = in_header(found)


def _brought(protocol: str, owned: Owned, frame: Frame, left_out: Sequence[str]) -> Templated:
    parts = [part for turn in (*owned.request.messages, *owned.after) for part in turn.parts]
    texts = sum(len(part.text.encode("utf-8", "surrogatepass")) for part in parts if isinstance(part, Text))
    inline = sum(isinstance(getattr(part, "source", None), Inline) for part in parts)
    opening, reminders = said_anew(protocol, owned)
    keeps = "" if may_bring_instructions(owned) else owned.prompt
    return Templated(frame.size + texts, inline, opening, reminders, keeps, tuple(left_out))


def _resolved(call: Call, named: Named, parts: Parts) -> Resolved:
    caller, record = call.caller, call.record
    unit = record.user or record.run_id or record.id
    try:
        return parts.prompts.value.resolve(
            named.name, named.version, unit, visible=visible_to(caller.tenant, caller.team)
        )
    except Fault as fault:
        if named.where != "prompt.id" and fault.param:
            fault.param = named.where or None
        raise


def _model(call: Call, named: Named, found: Resolved, frame: Frame) -> str:
    """The prompt's model; the caller's own, where the prompt has none or leaves the choice to callers. Who did not name
    the prompt cannot know that it has one, and may have to say some model."""
    own = "" if call.model.startswith(MODEL) else call.model
    theirs = frame.request.model
    free = not theirs or bool({"model", "*"} & frame.overridable)
    if own and not free and own != theirs and named.where:
        raise BadRequest(
            f"the prompt `{found.name}` asks the model `{theirs}`; leave `model` out, or name that one",
            code="prompt_not_overridable",
            param="model",
        )
    if not (own or theirs):
        raise BadRequest(f"the prompt `{found.name}` names no model; say one as `model`", param="model")
    return own if own and free else theirs


def in_header(found: Resolved) -> str:
    """`support/triage@7;digest=sha256:…;label=production;variant=b`."""
    said = [f"{found.name}@{found.version}", f"digest={found.digest}"]
    said += [f"{word}={value}" for word, value in (("label", found.label), ("variant", found.variant)) if value]
    return ";".join(said)


def _from_field(value: object) -> tuple[str, str, Mapping[str, Any]]:
    if value is None:
        return "", "", {}
    if not isinstance(value, dict):
        raise BadRequest("`prompt` must be an object: {id, version?, variables?}", param=_FIELD)
    said = cast(dict[str, Any], value)
    for name in said.keys() - _MEMBERS:
        where = f"prompt.{name[:MAX_SHOWN]}"
        raise BadRequest(f"`{where}` is not known; a prompt has id, version and variables", param=where)
    variables = said.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("`prompt.variables` must be an object", param="prompt.variables")
    return _word(said, "id"), _word(said, "version"), cast(dict[str, Any], variables or {})


def _word(said: Mapping[str, Any], name: str) -> str:
    one = said.get(name)
    if isinstance(one, int) and not isinstance(one, bool):
        return str(one)
    if one is not None and not isinstance(one, str):
        raise BadRequest(f"`prompt.{name}` must be a string", param=f"prompt.{name}")
    return one or ""
