"""Letters of other alphabets that look like Latin ones (Unicode TR 39, confusables.txt, the most alike of them)."""

_ALIKE = {
    "Cyrillic": ("аеорсухіјѕԁһԛԝҽӏѵАВЕКМНОРСТУХІЈЅԌԜӀ", "aeopcyxijsdhqwelvABEKMHOPCTYXIJSGWI"),
    "Greek": ("ονιαρυκχϲΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oviapukxcABEZHIKMNOPTYX"),
    "Armenian": ("օսոհցզ", "ounhgq"),
    "Latin": ("ɑɡı", "agi"),
}
LATIN: dict[int, str] = {
    ord(letter): latin for alike, latins in _ALIKE.values() for letter, latin in zip(alike, latins, strict=True)
}
_LATIN = frozenset(map(chr, LATIN))
# Turkish and Azerbaijani write `ı` beside all others: `sık sık` is "often", whatever `sik` is.
_WRITTEN_BESIDE = "ı"
_LETTERS = "".join(letter for letter in map(chr, LATIN) if letter not in _WRITTEN_BESIDE)
# A letter beside one of another alphabet that looks like a Latin one: no language writes its words so.
MIXED = f"[a-zA-Z][{_LETTERS}]|[{_LETTERS}][a-zA-Z]"


def as_latin(text: str) -> str:
    """A text as it reads to who takes all of its letters for Latin ones, character by character; itself, if none of
    them is another's. That is told in a tenth of the time: each character without a look-alike costs an exception."""
    return text if text.isascii() or _LATIN.isdisjoint(text) else text.translate(LATIN)
