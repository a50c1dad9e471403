"""The endpoints of Google's API that carry a model call: a row each, by the method at the end of the path."""

from gateway.core.call import Operation

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="generate",
        path="models/{model}:generateContent",
        otel_name="generate_content",
        dialect="gemini",
        protocol="generate",
        model_in_path=True,
    ),
    # With `alt=sse`, as every SDK asks for it.
    Operation(
        name="generate",
        path="models/{model}:streamGenerateContent",
        otel_name="generate_content",
        dialect="gemini",
        protocol="generate",
        model_in_path=True,
        streams=True,
    ),
    Operation(
        name="count_tokens",
        path="models/{model}:countTokens",
        otel_name="count_tokens",
        dialect="gemini",
        model_in_path=True,
        billed=False,
    ),
    Operation(
        name="embeddings",
        path="models/{model}:embedContent",
        otel_name="embeddings",
        dialect="gemini",
        model_in_path=True,
    ),
    Operation(
        name="embeddings",
        path="models/{model}:batchEmbedContents",
        otel_name="embeddings",
        dialect="gemini",
        model_in_path=True,
    ),
)
# Without `alt=sse` the stream is one JSON array, piece by piece.
ARRAY_STREAM = Operation(
    name="generate",
    path="models/{model}:streamGenerateContent",
    otel_name="generate_content",
    dialect="gemini",
    protocol="generate-array",
    model_in_path=True,
    streams=True,
)
