"""One record per identified call: opened in the journal before the upstream is asked, closed before the last byte."""

from typing import Literal

import msgspec

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.cohort import others_first
from gateway.core.faults import Unrecorded
from gateway.pipeline.parts import Parts
from gateway.pipeline.tagging import NotingOptions


class MeteringOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on_journal_failure` (the disk is full, say): `refuse` new calls, so that none goes unmetered, or `serve` them
    and count the failures in a metric; their records are kept in memory and written once the disk takes them.
    `noted`: what records hold besides."""

    on_journal_failure: Literal["refuse", "serve"] = "refuse"
    noted: NotingOptions = NotingOptions()


def metering(parts: Parts) -> Layer:
    journal = parts.journal

    def ending(call: Call) -> None:
        close(call, parts)

    def layer(service: Service) -> Service:
        async def metered(call: Call) -> Reply:
            call.on_end(ending)
            if call.in_cohort:
                await others_first()
            await call.open()
            parts.note(call)
            try:
                journal.opened(call.record)
            except OSError as error:
                parts.journal_failed(error)
                if parts.refuse_unrecorded:
                    raise Unrecorded(
                        "the gateway cannot record calls at the moment and so makes none; an operator must see to it"
                    ) from error
            if call.in_cohort:
                await others_first()
            return await service(call)

        return metered

    return layer


def close(call: Call, parts: Parts) -> None:
    """Write the record. What it used and cost is on it already (`accounting.py`)."""
    try:
        parts.journal.closed(call.record)
    except OSError as error:
        parts.journal_failed(error)
