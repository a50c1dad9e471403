"""What of a request was left out, told to who sent it."""

from collections.abc import Sequence

from gateway.core.call import Call
from gateway.core.faults import BadRequest

DROPPED_HEADER = "x-gateway-dropped-params"
MAX_HEADER = 2_000


def tell_dropped(call: Call, names: Sequence[str]) -> None:
    """Name them in a header of the reply, and what of a prompt could not be said in the request.

    Raises:
        BadRequest: the caller's tenant wants nothing left out.
    """
    names = (*(call.templated.left_out if call.templated is not None else ()), *names)
    if not names:
        return
    if call.caller.strict:
        raise BadRequest(
            f"`{names[0]}` cannot be translated for `{call.model}`", code="unsupported_parameter", param=names[0]
        )
    call.reply_headers[DROPPED_HEADER] = _header_text(names)


def _header_text(names: Sequence[str]) -> str:
    """Names, some of them the client's own, as a header can hold them: visible ASCII, and not without end."""
    text = ", ".join(dict.fromkeys(names))
    visible = "".join(c if " " <= c <= "~" else "?" for c in text[: MAX_HEADER + 1])
    return visible if len(visible) <= MAX_HEADER else visible[: MAX_HEADER - 3] + "..."
