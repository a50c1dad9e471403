"""Enums by their numbers: proto3 JSON takes a number wherever it takes the word, and some clients send it.

Source: the enums at https://ai.google.dev/api/generate-content, numbered in google/ai/generativelanguage's protos
(https://github.com/googleapis/googleapis/tree/master/google/ai/generativelanguage/v1beta).
"""

from collections.abc import Mapping

from gateway.core.conversation import Json
from gateway.dialects.reading import field

MODES: Mapping[int, str] = {0: "MODE_UNSPECIFIED", 1: "AUTO", 2: "ANY", 3: "NONE", 4: "VALIDATED"}
THRESHOLDS: Mapping[int, str] = {
    1: "BLOCK_LOW_AND_ABOVE",
    2: "BLOCK_MEDIUM_AND_ABOVE",
    3: "BLOCK_ONLY_HIGH",
    4: "BLOCK_NONE",
    5: "OFF",
}
CATEGORIES: Mapping[int, str] = {
    7: "HARM_CATEGORY_HARASSMENT",
    8: "HARM_CATEGORY_HATE_SPEECH",
    9: "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    10: "HARM_CATEGORY_DANGEROUS_CONTENT",
    11: "HARM_CATEGORY_CIVIC_INTEGRITY",
}


def word(block: Json, name: str, numbers: Mapping[int, str], where: str) -> str | None:
    """A request's enum, however it is written; None if absent.

    Raises:
        BadRequest: neither a word nor a known number.
    """
    said = block.get(name)
    if type(said) is int and said in numbers:
        return numbers[said]
    return field(block, name, str, where)
