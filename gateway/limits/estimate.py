"""What a call will use, guessed before it is made: deliberately high, so that a limit holds before the truth is known.

A token of English text is about four bytes of JSON; three leaves room for other scripts. Base64 is not text: an image
costs some hundred tokens, not the thousands its bytes would suggest.
"""

from gateway.core.call import Call

BYTES_PER_TOKEN = 3
INLINE_DATA_TOKENS = 1_000
INLINE_DATA_BYTES = 4_096
# No upstream makes more at once: vLLM's own bound (VLLM_MAX_N_SEQUENCES), others take 128 at most.
MOST_CHOICES = 16_384


def estimate_output(max_output: int, choices: int, default: int) -> int:
    """Tokens an answer may have: what the request allows, times the choices it asks for; of both 0 if it does not
    say."""
    times = choices if 1 <= choices <= MOST_CHOICES else 1
    return (max_output or default) * times


def input_tokens(call: Call) -> int:
    """Tokens of the request, of the prompt in it, and of the conversation it goes on from. Inline data (base64) counts
    by the piece, not by the byte."""
    size, parts = call.record.bytes_in, 0
    if call.operation.multipart:
        return INLINE_DATA_TOKENS + 1
    if size > INLINE_DATA_BYTES:
        inline_bytes, parts = call.fields.inline_data()
        size = max(0, size - inline_bytes)
    if (prompt := call.templated) is not None:
        size, parts = size + prompt.size, parts + prompt.inline_parts
    if (earlier := call.recalled) is not None:
        size, parts = size + earlier.size, parts + earlier.inline_parts
    return size // BYTES_PER_TOKEN + parts * INLINE_DATA_TOKENS + 1
