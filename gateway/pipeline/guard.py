"""What goes to a model and comes from it, looked at by the guards that policy sets for the call."""

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

import msgspec

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.cohort import others_first
from gateway.core.faults import BadRequest, ContentBlocked
from gateway.core.fields import Fields
from gateway.core.model import Permit
from gateway.dialects.turns import exchanged
from gateway.guard.answers import sole_answer
from gateway.guard.detectors import JsonSchemaDetector
from gateway.guard.long_texts import LongTexts
from gateway.guard.requests import RequestTexts, Unknown, instructions
from gateway.guard.rules import ANYTHING, Applied, Asked, GuardPolicy, Rule
from gateway.guard.tally import Tally
from gateway.guard.vault import Vault
from gateway.guard.words import Side
from gateway.pipeline.accounting import account
from gateway.pipeline.asking_judges import ask_judges
from gateway.pipeline.guarded_reply import guarded_reply, may_pass
from gateway.pipeline.obliging import Overridden
from gateway.pipeline.parts import Parts

HEADER = "x-gateway-guard"
# In the place of a field's name; no request has one of this name.
_RECALLED = "gateway:recalled"
_NOT_OBLIGED: frozenset[str] = frozenset()
# Why a model stopped in the middle, in the words of all protocols.
_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
_WHAT: dict[Side, str] = {"input": "request", "output": "answer"}
_REMEDY: dict[Side, str] = {
    "input": "take it out of the request and send it again",
    "output": "the same request may be answered in the same way: ask for something else",
}


def guard(parts: Parts) -> Layer:
    guards, long = parts.guards, LongTexts()

    def layer(service: Service) -> Service:
        def guarded(call: Call) -> Awaitable[Reply]:
            policy = guards.value
            if not policy.rules:
                return service(call)
            if policy.for_all:
                applied = policy.applied(call.caller, ANYTHING)
            else:
                applied = policy.applied(call.caller, asked_of(call, call.permits))
                _judge_by_guards(call, policy, applied)
            return _watched(call, service, applied, parts, long) if applied.ids else service(call)

        return guarded

    return layer


async def _watched(call: Call, service: Service, applied: Applied, parts: Parts, long: LongTexts) -> Reply:
    tally = Tally()
    call.on_end(partial(_told, tally, parts))
    vault = None
    if applied.input:
        said = _texts_of(call, applied)
        if unknown := said.unknown(applied.clean):
            vault = await _look(call, said, unknown, applied, tally, long)
        if "input" in applied.asks:
            await ask_judges(call, applied.input, "input", said.texts, tally, parts)
            tell(call, tally)
    if applied.repairs and not call.stream:
        call.mend = partial(_asked_again, call, applied.repairs)
    reply = await service(call)
    if not applied.output and not vault:
        return reply
    if applied.per_call:
        applied = _of_call(call, applied)
    if may_pass(call, reply, applied, vault):
        return reply
    return await guarded_reply(call, reply, applied, tally, vault or Vault(), parts, lambda: tell(call, tally))


def _told(tally: Tally, parts: Parts, call: Call) -> None:
    """At the call's end."""
    if tally.found:
        call.record.guards = tally.text()
        parts.guarding.guarded(list(tally.findings()))
    if call.attempts and not call.record.attempts:
        account(call, parts)  # a judge was asked, and the call went no further


def _of_call(call: Call, applied: Applied) -> Applied:
    """The same guards, knowing what the call itself says."""
    rules = tuple(rule.of(instructions(call.fields.get)) for rule in applied.output)
    return msgspec.structs.replace(applied, output=rules)


def _asked_again(call: Call, repairs: Sequence[JsonSchemaDetector], reply: Reply) -> Fields | None:
    """The request with the answer and what is wrong with it below, for a model that is to answer better; None if
    nothing is wrong, or if it was cut off where another would be as well."""
    if call.served.finish_reason in _CUT_OFF or (text := sole_answer(reply.body)) is None:
        return None
    complaint = next((told for one in repairs if (told := one.complaint(text))), "")
    changes = exchanged(call.operation.protocol, call.fields.get, text, complaint) if complaint else None
    return None if changes is None else Overridden(call.fields, changes)


def asked_of(call: Call, permits: Sequence[Permit]) -> Asked:
    """What guards are chosen by. Any of the permits may be the one that serves: what each of them obliges to holds."""
    names: set[str] = set()
    obliged = _NOT_OBLIGED
    for one in permits:
        names.add(one.model.name)
        if one.decision.obligations.guards:
            obliged = obliged.union(one.decision.obligations.guards)
    models = tuple(names) if len(names) == 1 else tuple(sorted(names))
    return Asked(call.model, call.operation.name, call.record.data_class, models, obliged)


def tell(call: Call, tally: Tally) -> None:
    """Tell the caller what was found, as long as no byte has gone out.

    Raises:
        ContentBlocked: it may not pass.
    """
    if tally.found and (said := tally.header()):
        call.reply_headers[HEADER] = said
    if tally.blocked is not None:
        raise blocked(*tally.blocked)


def blocked(rule: Rule, side: Side, kind: str) -> ContentBlocked:
    """The refusal: who objects to what, and never the text."""
    advice = rule.guard.advice or _REMEDY[side]
    return ContentBlocked(
        f"guard `{rule.id}` does not let this {_WHAT[side]} pass: it found {kind}; {advice}",
        details={"guard": rule.id, "kind": kind, "side": side},
    )


def _texts_of(call: Call, applied: Applied) -> RequestTexts:
    """What the request says.

    Raises:
        BadRequest: it may be read in two ways.
    """
    recalled = call.recalled
    if recalled is None:
        said = RequestTexts(call.fields)
    elif call.fields.get(_RECALLED) is not None:
        raise BadRequest(f"`{_RECALLED}` is a name that the gateway has taken", param=_RECALLED)
    else:
        said = RequestTexts(call.fields, (_RECALLED, recalled.items))
    if applied.enforced and (name := call.fields.unclear(said.fields)):
        said_twice = f"an object in `{name}` has a name twice; upstreams differ in which of the two they read"
        raise BadRequest(f"{said_twice}, and guards look at this request", param=name)
    return said


async def _look(
    call: Call, said: RequestTexts, unknown: Unknown, applied: Applied, tally: Tally, long: LongTexts
) -> Vault | None:
    """Take out of the request what has to go. What that is; None if nothing was found.

    Raises:
        ContentBlocked: it may not pass.
    """
    if call.in_cohort:  # what is known already takes less than to let others go first
        await others_first()
    note = partial(tally.note, side="input")
    found = await said.look(unknown, applied.input, note, applied.clean, long, applied.first_in)
    if not tally.found:
        return None
    vault = Vault()
    if tally.blocked is None:
        _change(call, said.redacted(found, vault))
    tell(call, tally)
    return vault


def _change(call: Call, changes: dict[str, Any]) -> None:
    recalled = call.recalled
    if recalled is not None and _RECALLED in changes:
        # An upstream that knows the earlier part by its id knows it with tokens of another call.
        call.recalled = msgspec.structs.replace(recalled, native=False, items=tuple(changes.pop(_RECALLED)))
    if changes:
        call.fields = Overridden(call.fields, changes)


def _judge_by_guards(call: Call, policy: GuardPolicy, applied: Applied) -> None:
    """Of other names that the call may be served by, those stay which no guard is for that does not look at it."""
    judge = call.judge

    def judged(leg: Call, name: str) -> Sequence[Permit]:
        found = judge(leg, name)
        return [one for one in found if policy.applied(leg.caller, asked_of(leg, (one,))).ids <= applied.ids]

    call.judge = judged
