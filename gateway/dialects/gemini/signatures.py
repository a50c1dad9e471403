"""Thought signatures, and foreign ones in their place.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures. `thoughtSignature` is a proto `bytes` field: Google's
SDKs refuse what is no base64. A foreign signature (`dialects/seals.py`) is therefore given out in base64, and found
again by its first letters, which no signature of Google's own begins with (they are serialised protos).
"""

import base64
import binascii

from gateway.dialects import seals

# What Google documents for calls that another model made: "skip the check".
UNSIGNED = "skip_thought_signature_validator"
_FOREIGN = base64.b64encode(b"gw.").decode()


def shown(sealed: str) -> str:
    """The signature as a client is given it."""
    text = seals.shown(sealed, "gemini")
    return base64.b64encode(text.encode()).decode() if text.startswith("gw.") else text


def returned(signature: str) -> str:
    """A signature that a client gives back, sealed. The placeholder is nobody's signature."""
    if signature == UNSIGNED:
        return ""
    if signature.startswith(_FOREIGN):
        try:
            text = base64.b64decode(signature.translate(_STANDARD), validate=True).decode()
        except (binascii.Error, ValueError):
            return ""
        return seals.returned(text, "gemini")
    return seals.seal("gemini", signature)


_STANDARD = str.maketrans("-_", "+/")
