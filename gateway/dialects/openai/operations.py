"""The endpoints of the dialect that carry a model call, as one table."""

from gateway.core.call import Operation

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="chat", path="chat/completions", otel_name="chat", protocol="chat", streams=True, ends_with_done=True
    ),
    Operation(name="completions", path="completions", otel_name="text_completion", streams=True, ends_with_done=True),
    Operation(name="responses", path="responses", otel_name="chat", protocol="responses", streams=True),
    Operation(name="embeddings", path="embeddings", otel_name="embeddings"),
    Operation(name="moderations", path="moderations", otel_name="moderation"),
    Operation(name="rerank", path="rerank", otel_name="rerank"),
    Operation(name="images", path="images/generations", otel_name="generate_content", streams=True),
    Operation(name="images", path="images/edits", otel_name="generate_content", streams=True, multipart=True),
    Operation(name="images", path="images/variations", otel_name="generate_content", multipart=True),
    Operation(name="speech", path="audio/speech", otel_name="generate_content", streams=True, answers="binary"),
    Operation(
        name="transcriptions", path="audio/transcriptions", otel_name="generate_content", streams=True, multipart=True
    ),
    Operation(
        name="translations", path="audio/translations", otel_name="generate_content", streams=True, multipart=True
    ),
)
