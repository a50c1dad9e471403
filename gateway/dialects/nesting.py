"""How deeply JSON may be nested: so deeply everywhere, whatever this Python's decoder bears (3.11: some 900, 3.12 and
later: thousands, where what walks through the values does not)."""

import re

MAX_DEPTH = 500
# Possessive, and a string that nobody ends goes on to the end of the text: no byte is looked at twice. Else a text of
# quotes behind backslashes would be read again from each of them.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_OTHERS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING)


def nested_too_deeply(text: bytes) -> bool:
    """Whether there are more than MAX_DEPTH arrays and objects within one another. Of what is not JSON, anything."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False  # nearly always
    depth = 0
    for byte in _STRING.sub(b"", text).translate(None, _OTHERS):
        if byte in _CLOSING:
            depth -= 1
            continue
        depth += 1
        if depth > MAX_DEPTH:
            return True
    return False
