"""Letters of other alphabets that look like Latin ones (Unicode TR 39, confusables.txt, the most alike of them)."""

_ALIKE = {
    "Cyrillic": ("аеорсухіјѕԁһԛԝҽАВЕКМНОРСТУХІЈЅ", "aeopcyxijsdhqweABEKMHOPCTYXIJS"),
    "Greek": ("ονιαρυκχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oviapukxABEZHIKMNOPTYX"),
}
LATIN: dict[int, str] = {
    ord(letter): latin for alike, latins in _ALIKE.values() for letter, latin in zip(alike, latins, strict=True)
}
