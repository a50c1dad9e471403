"""One record per identified call: opened in the journal before the upstream is asked, closed before the last byte."""

from typing import Literal

import msgspec

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import Internal
from gateway.pipeline.estimate import known_usage
from gateway.pipeline.parts import Parts


class MeteringOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on_journal_failure` (the disk is full, say): `refuse` new calls, so that none goes unmetered, or `serve` them
    and count the failures in a metric; their records are kept in memory and written once the disk takes them."""

    on_journal_failure: Literal["refuse", "serve"] = "refuse"


def metering(parts: Parts) -> Layer:
    journal = parts.journal

    def layer(service: Service) -> Service:
        async def metered(call: Call) -> Reply:
            call.on_end(lambda: close(call, parts))
            await call.open()
            try:
                journal.opened(call.record)
            except OSError as error:
                parts.journal_failed(error)
                if parts.refuse_unrecorded:
                    raise Internal(
                        "the gateway cannot record calls at the moment and so makes none; an operator must see to it",
                        code="metering_unavailable",
                    ) from error
            return await service(call)

        return metered

    return layer


def close(call: Call, parts: Parts) -> None:
    """Put usage and cost on the record and write it."""
    record = call.record
    account(call, parts)
    try:
        parts.journal.closed(record)
    except OSError as error:
        parts.journal_failed(error)


def pricing(parts: Parts) -> Layer:
    """Innermost: its ending runs first, so that whatever settles afterwards finds usage and cost on the record."""

    def layer(service: Service) -> Service:
        async def priced(call: Call) -> Reply:
            call.on_end(lambda: account(call, parts))
            return await service(call)

        return priced

    return layer


def account(call: Call, parts: Parts) -> None:
    """Put usage and cost on the record; a second time changes nothing."""
    record, served = call.record, call.served
    if record.usage_source != "none" or record.pricing != "none":
        return
    record.served_model = served.model
    record.finish_reason = served.finish_reason
    record.upstream_request_id = served.request_id
    record.usage, record.usage_source = known_usage(call)
    if call.target is not None and (record.usage is not None or record.outcome == "completed"):
        price(call, parts)


def price(call: Call, parts: Parts) -> None:
    """The record's cost by today's price book; unpriced is a state of its own, never zero."""
    record, target = call.record, call.target
    if not call.operation.billed:
        return
    assert target is not None, "only a call that went somewhere is priced"
    if record.usage is None:
        record.pricing = "unpriced"
        return
    cost = parts.prices.value.cost(target.provider, target.model, record.usage, record.started_ns / 1e9)
    record.pricing = "unpriced" if cost.nano is None else "priced"
    record.cost_nano, record.price_version = cost.nano, cost.version
