"""What upstreams tell of what they were asked and did."""

import msgspec


class Counts(msgspec.Struct):
    """What one upstream saw. `received` is the sum of the next five and of what is still open.

    Attributes:
        cancelled: the client closed the connection before its answer was complete. cut: we did.
        refused: was under way when the upstream began to refuse connections.
        most_open: requests that were open at once.
        input_tokens, output_tokens: what a provider would bill: of an answer that was cancelled or cut, the input and
            the part that was made by then.
        per_s: received, by the second of the epoch.
    """

    received: int = 0
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    cut: int = 0
    refused: int = 0
    open: int = 0
    most_open: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    traced: int = 0
    per_s: dict[int, int] = {}


class Report(msgspec.Struct):
    """`upstreams`: by name. `times_asked`: by the first word of their nonces, how many calls reached upstreams how many
    times, e.g. `{"subject": {1: 90, 2: 10}}`."""

    upstreams: dict[str, Counts]
    times_asked: dict[str, dict[int, int]]
