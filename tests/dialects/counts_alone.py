"""Events without what usage objects say besides their counts: that is tested in `test_usage_objects.py`."""

from collections.abc import Iterable

import msgspec

from gateway.core.generation import Event, Statement, Used


def counts_alone(events: Iterable[Event]) -> list[Event]:
    return [msgspec.structs.replace(one, statement=Statement()) if isinstance(one, Used) else one for one in events]
