"""Is there an answer to this already, which this caller may have? What decides stands in `gateway/cache`."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from gateway.cache.answering import Answering, Paying
from gateway.cache.directives import wanted
from gateway.cache.document import Rule, Semantic
from gateway.cache.giving import HEADER
from gateway.cache.keys import Around, asked_in, canonical, key_of, scope_of
from gateway.cache.meaning import Meaning, single_question
from gateway.cache.question import Question
from gateway.cache.rules import Asked, CachePolicy
from gateway.cache.storing import is_deterministic, why_not_asked
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.cohort import others_first
from gateway.core.faults import NotKept
from gateway.pipeline.accounting import account, price_so_far
from gateway.pipeline.parts import Parts


def cache(parts: Parts) -> Layer:
    policy, options, reports = parts.cache.policy, parts.cache.options, parts.cache.reports
    route_of = parts.cache.route_of
    paying = Paying(settle=lambda call: account(call, parts), price=lambda call: price_so_far(call, parts))
    answering = Answering(parts.cache.tiers, options.wait_s, parts.clock, reports, paying, parts.cache.embed)

    def layer(service: Service) -> Service:
        def cached(call: Call) -> Awaitable[Reply]:
            rules = policy.value
            return looked_up(call, rules) if rules.rules else service(call)

        async def looked_up(call: Call, rules: CachePolicy) -> Reply:
            if call.in_cohort:
                await others_first()
            rule = rules.for_all or rules.rule(asked_of(call, route_of(call.model)))
            if rule is None:
                return await service(call)
            question = question_of(call, rule, parts)
            if question is None:
                call.reply_headers[HEADER] = "bypass"
                reports.cache_answered(rule.id, "bypass", None)
                if wanted(call.headers.get(b"cache-control")).only_kept:
                    raise NotKept("this request is not cached, and it wants a kept answer or none")
                return await service(call)
            return await answering.answer(call, service, question)

        return cached

    return layer


def asked_of(call: Call, route: str) -> Asked:
    caller = call.caller
    return Asked(
        caller.tenant, caller.team, call.model, call.operation.name, route, call.record.data_class, caller.labels
    )


def question_of(call: Call, rule: Rule, parts: Parts) -> Question | None:
    """What the call asks of the cache; None: it is none of its business."""
    said = wanted(call.headers.get(b"cache-control"))
    if said.private or why_not_asked(call) or (rule.only_deterministic and not is_deterministic(call)):
        return None
    read = asked_in(call.operation.name, call.stream, call.fields)
    if read is None:
        return None
    asked, written = read
    record, caller = call.record, call.caller
    around = Around(
        endpoint=(call.operation.name, call.operation.path),
        model=call.model,
        stream=call.stream,
        policy=record.policy_version,
        targets=[permit.model.place for permit in call.permits],
        route=parts.cache.route_of(call.model),
        prompt=record.prompt_id,
        data_class=record.data_class,
        strict=caller.strict,
        varying=_sent(call.headers, parts.cache.varying),
    )
    scope = scope_of(rule.shared, caller)
    most = parts.cache.options.max_entry_bytes
    return Question(
        key=key_of(around, scope, written),
        rule=rule,
        wanted=said,
        stream=call.stream,
        max_bytes=min(rule.max_entry_bytes, most) if rule.max_entry_bytes else most,
        meaning=None if rule.semantic is None else _meaning(call, rule.semantic, around, scope, asked),
    )


def _sent(headers: Mapping[bytes, bytes], names: Sequence[bytes]) -> Sequence[tuple[bytes, bytes]]:
    """Those of the names that a call has a header of, which most have not."""
    return () if headers.keys().isdisjoint(names) else [(name, headers[name]) for name in names if name in headers]


def _meaning(
    call: Call, semantic: Semantic, around: Around, scope: tuple[str, ...], asked: dict[str, Any]
) -> Meaning | None:
    single = single_question(call.operation.name, asked)
    if single is None:
        return None
    text, rest = single
    return Meaning(key_of(around, (*scope, "like", semantic.model), canonical(rest)), text)
