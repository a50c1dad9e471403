"""The endpoints of Anthropic's API that carry a model call: a row each."""

from gateway.core.call import Operation

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="messages", path="messages", otel_name="chat", dialect="anthropic", protocol="messages", streams=True
    ),
    Operation(
        name="count_tokens", path="messages/count_tokens", otel_name="count_tokens", dialect="anthropic", billed=False
    ),
)
