"""What of the recorded traffic is read, by provider: `python -m tests.dialects.table` prints it as Markdown.

An exchange passes if its answer decodes to the recorded text, tool calls, finish reason and usage, or its error to a
fault that says as much. Exchanges whose answer was not recorded are not counted.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from gateway.core.faults import Fault
from gateway.core.generation import Failed
from gateway.dialects.protocols import UPSTREAMS
from gateway.dialects.translation import UpstreamProtocol
from tests.dialects.recorded import PROTOCOLS, body_of, exchanges, name_of, succeeded, truth
from tests.dialects.test_recorded_answers import ODD, decoded, streamed, told

Row = dict[str, Any]


def refusal(row: Row, upstream: UpstreamProtocol) -> str:
    """An error has its own status, but for one about the gateway's key, which is none of the caller's; one in a stream
    ends it."""
    status = row["status"]
    if status < 400:
        return "" if isinstance(streamed(row, [body_of(row)])[-1], Failed) else "the stream's error is not told"
    fault = upstream.decode_error(status, {}, body_of(row))
    wanted = 502 if status in (401, 403) else status
    return "" if fault.status == wanted and fault.message else f"told as {fault.status}: {fault.message}"


def outcome(row: Row) -> str:
    """Empty if it passes, else why not."""
    name = name_of(row)
    if name in ODD:
        return ODD[name]
    protocol = PROTOCOLS[row["api"]]
    if not succeeded(row):
        return refusal(row, UPSTREAMS[protocol])
    try:
        got, expected = told(decoded(row)), truth(row)
    except Fault as fault:
        return fault.message
    if protocol == "responses":
        got.finish = expected.finish
    return "" if got == expected else "it says something else"


def lines() -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    reasons: list[str] = []
    for row in exchanges():
        why = outcome(row)
        found[row["provider"], PROTOCOLS[row["api"]]].append(why)
        if why:
            reasons.append(f"* {name_of(row)}: {why}")
    yield "| provider | protocol | exchanges | passed |"
    yield "|---|---|---|---|"
    for (provider, protocol), outcomes in sorted(found.items()):
        yield f"| {provider} | {protocol} | {len(outcomes)} | {outcomes.count('')} |"
    every = [why for outcomes in found.values() for why in outcomes]
    yield f"| all | | {len(every)} | {every.count('')} |"
    yield from ["", *sorted(reasons)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
