"""How deeply JSON may be nested: so deeply everywhere, whatever this Python's decoder bears (3.11: some 900, 3.12 and
later: thousands, where what walks through the values does not).

Nothing here looks at single bytes but where they may decide: megabytes cost what a few searches through them do.
"""

MAX_DEPTH = 500
# To square brackets, and without all that is neither bracket nor quote.
_SQUARE = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_OPENING = ord("[")
# Of flat values so many fit below MAX_DEPTH nearly always; smaller ones are more to do, larger ones fit less often.
_BLOCK = 128


def nested_too_deeply(text: bytes) -> bool:
    """Whether there are more than MAX_DEPTH arrays and objects within one another. Of what is not JSON, anything."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False  # nearly always
    brackets = _without_strings(text)
    depth = 0
    for start in range(0, len(brackets), _BLOCK):
        block = brackets[start : start + _BLOCK]
        opened = block.count(b"[")
        if depth + opened > MAX_DEPTH and depth + _highest(block) > MAX_DEPTH:
            return True
        depth += 2 * opened - len(block)
    return False


def _without_strings(text: bytes) -> bytes:
    """The brackets that are no letters, all of them square."""
    # Backslashes in pairs first: what is then left of them escapes what follows it.
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes with nothing between are a string without brackets, or an end and a beginning: without them, what was
    # outside of strings still is.
    marks = unescaped.translate(_SQUARE, _OTHERS).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def _highest(block: bytes) -> int:
    """How far above its beginning a block goes."""
    highest = depth = 0
    for byte in block:
        if byte == _OPENING:
            depth += 1
            highest = max(highest, depth)
        else:
            depth -= 1
    return highest
