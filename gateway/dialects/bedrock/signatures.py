"""Whose signature a thought carries.

Converse gives Claude's signatures as Anthropic's own API does, and Anthropic documents that they are valid on every
platform it is sold on ("Extended thinking": signatures are compatible across the Claude API, Bedrock and Vertex). So
Claude's are sealed as Anthropic's: a conversation may go on at either place. An answer does not say which model made
it, but Claude's signatures do: they are base64 of a protocol buffer whose first field is number 2. All others are
sealed as Bedrock's, and go back to Bedrock alone.

`redactedContent` is bytes; for Claude, those of the text that Anthropic's API calls `data`.
"""

import base64
import re

from gateway.dialects.bedrock.makers import Maker
from gateway.dialects.seals import opened, seal

_CLAUDES = re.compile(r"E[g-v][A-Za-z0-9+/]+={0,2}", re.ASCII)


def sealed_text(signature: str) -> str:
    """A readable thought's signature, sealed."""
    return seal("anthropic" if _CLAUDES.fullmatch(signature) else "bedrock", signature)


def sealed_bytes(data: str) -> str:
    """A redacted thought, base64 as it stands in the answer, sealed."""
    try:
        text = base64.b64decode(data).decode("ascii")
    except ValueError:
        text = ""
    return seal("anthropic", text) if _CLAUDES.fullmatch(text) else seal("bedrock", data)


def opened_text(sealed: str, maker: Maker) -> str:
    """The signature for this maker's model; empty if it is another's."""
    own = opened(sealed, "bedrock")
    return own or (opened(sealed, "anthropic") if maker.thinking == "claude" else "")


def opened_bytes(sealed: str, maker: Maker) -> str:
    """A redacted thought for this maker's model, as base64; empty if it is another's."""
    if own := opened(sealed, "bedrock"):
        return own
    text = opened(sealed, "anthropic") if maker.thinking == "claude" else ""
    return base64.b64encode(text.encode()).decode()
