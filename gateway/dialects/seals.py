"""Seals: signatures that travel through a dialect which is not their own.

A provider signs what its model thought and wants the signature back with the next turn; no other provider accepts it.
Inside the gateway every signature is sealed: its dialect's name stands before it. A client's dialect has a field for
its own provider's signatures; a foreign one travels there as `gw.<dialect>.<signature>`, opaque to the client, and is
opened again when it comes back. An upstream is only ever sent signatures of its own.
"""

from collections.abc import Sequence

import msgspec

from gateway.core.conversation import DialectName, Part, Thinking, ToolCall

_MARK = "gw."


def seal(dialect: DialectName, signature: str) -> str:
    """A provider's own signature as the vocabulary holds it; empty stays empty."""
    return f"{dialect}.{signature}" if signature else ""


def opened(sealed: str, dialect: DialectName) -> str:
    """The signature for an upstream of this dialect; empty if it is another's."""
    origin, _, signature = sealed.partition(".")
    return signature if origin == dialect else ""


def shown(sealed: str, dialect: DialectName) -> str:
    """The signature as a client of this dialect is given it."""
    return opened(sealed, dialect) or (_MARK + sealed if sealed else "")


def is_sealed(signature: str) -> bool:
    """Whether what a client gives back is another provider's signature."""
    return signature.startswith(_MARK)


def returned(signature: str, dialect: DialectName) -> str:
    """A signature that a client of this dialect gives back, sealed."""
    if is_sealed(signature):
        return signature[len(_MARK) :]
    return seal(dialect, signature)


def rejoined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts of a turn as a client gives them back, with Gemini's signatures on their tool calls again.

    A dialect that has no field for a call's signature carries it as a redacted thought before the call.
    """
    found: list[Part] = []
    for part in parts:
        before = found[-1] if found else None
        if (
            isinstance(part, ToolCall)
            and not part.signature
            and isinstance(before, Thinking)
            and before.redacted
            and opened(before.signature, "gemini")
        ):
            found[-1] = msgspec.structs.replace(part, signature=before.signature)
        else:
            found.append(part)
    return tuple(found)
