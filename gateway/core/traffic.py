"""Calls as a policy sees them: what they were decided on, and what they came to."""

import msgspec


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that were decided on the same inputs; see `Record` for what those are.

    Attributes:
        refused: calls that policy refused (403), limits aside. cost_nano: of priced calls; unpriced: calls that used
            something without a known price. last_ns: when the last of them began, Unix nanoseconds.
        input_tokens, output_tokens: everything that went in and came out.
    """

    tenant: str
    team: str
    key_id: str
    facts: str
    data_class: str
    operation: str
    model: str
    attributes: str
    calls: int
    refused: int
    cost_nano: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    last_ns: int
