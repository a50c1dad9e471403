"""How far two texts are apart, letter by letter. A whole column of the usual table is one Python number, a bit for each
letter (Myers 1999; Hyyrö 2003 and 2004): a thousand letters against a thousand take a millisecond."""

from collections.abc import Hashable, Sequence

from gateway.compare.grading.grades import Ungradable

# Letters of the one text times letters of the other: half a second's work.
MAX_WORK = 4_000_000_000
# A bit for each different letter of the one and each letter of the other: 100 MB, and as much again.
MAX_BITS = 800_000_000


def levenshtein(one: str, other: str) -> int:
    """The least number of letters to put in, take out or change.

    Raises:
        Ungradable: both are too long to be compared.
    """
    one, other = _differing(one, other)
    if not one or not other:
        return len(one) + len(other)
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    places = _places(longer, shorter)
    full = (1 << len(longer)) - 1
    last = 1 << (len(longer) - 1)
    up, down, distance = full, 0, len(longer)
    for letter in shorter:
        same = places.get(letter, 0)
        straight = same | down
        diagonal = (((same & up) + up) ^ up) | same
        right = down | (full & ~(diagonal | up))
        left = up & diagonal
        distance += bool(right & last) - bool(left & last)
        right = ((right << 1) | 1) & full
        up = ((left << 1) & full) | (full & ~(straight | right))
        down = right & straight
    return distance


def common(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The length of the longest sequence of elements that both have in the same order, with gaps.

    Raises:
        Ungradable: both are too long to be compared.
    """
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    if not shorter:
        return 0
    places = _places(longer, shorter)
    full = (1 << len(longer)) - 1
    row = full
    for element in shorter:
        matched = row & places.get(element, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(longer) - row.bit_count()


def fuzzy_ratio(one: str, other: str) -> float:
    """1 for the same text, 0 for texts without a letter in common: twice the letters that both have in order, of all
    letters, which is what RapidFuzz calls `ratio`.

    Raises:
        Ungradable: both are too long to be compared.
    """
    letters = len(one) + len(other)
    if not letters:
        return 1.0
    left, right = _differing(one, other)
    return 2 * ((letters - len(left) - len(right)) // 2 + common(left, right)) / letters


def _places(text: Sequence[Hashable], wanted: Sequence[Hashable]) -> dict[Hashable, int]:
    """For each element that is wanted, the bits of its places in the text."""
    if len(text) * len(wanted) > MAX_WORK:
        raise Ungradable(f"texts of {len(text)} and {len(wanted)} letters are too long to be compared letter by letter")
    elements = set(wanted)
    if len(text) * len(elements) > MAX_BITS:
        raise Ungradable(f"texts of {len(elements)} different letters are too long to be compared letter by letter")
    rows: dict[Hashable, bytearray] = {element: bytearray((len(text) + 7) // 8) for element in elements}
    for place, element in enumerate(text):
        if (row := rows.get(element)) is not None:
            row[place >> 3] |= 1 << (place & 7)
    return {element: int.from_bytes(row, "little") for element, row in rows.items()}


def _differing(one: str, other: str) -> tuple[str, str]:
    """Without what both begin and end with."""
    most = min(len(one), len(other))
    start = next((at for at in range(most) if one[at] != other[at]), most)
    one, other, most = one[start:], other[start:], most - start
    end = next((at for at in range(most) if one[-1 - at] != other[-1 - at]), most)
    return one[: len(one) - end], other[: len(other) - end]
