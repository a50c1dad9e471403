"""Claude on Vertex: Anthropic's own bodies and streams, but for a field.

Source: Google Cloud, "Use Claude models" (`rawPredict`, `streamRawPredict`); Anthropic, "Claude on Vertex AI". The
model is in the path; `stream` stays in the body; betas go in the `anthropic-beta` header as they do at Anthropic.
"""

from gateway.core.call import Fields

VERSION = "vertex-2023-10-16"


def raw_predict_body(fields: Fields) -> bytes:
    """The rawPredict body of a Messages body; the other fields keep their bytes."""
    return fields.encode({"anthropic_version": VERSION}, ("model",))
