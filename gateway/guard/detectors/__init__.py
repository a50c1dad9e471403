"""What can be found in a text, each kind by a detector: the word in policies → its options and how it is built.

Detectors read with RE2, so that no text and no pattern makes them slow, and each derives from the very patterns that
`find` uses what `open_from` holds back of a stream (`prefixes`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from gateway.guard.detectors.deny import DenyDetector, DenyOptions
from gateway.guard.detectors.matching import MissingExtra
from gateway.guard.detectors.personal import PersonalDataDetector, PersonalDataOptions
from gateway.guard.detectors.prefixes import PatternError
from gateway.guard.detectors.secrets import SecretsDetector, SecretsOptions
from gateway.guard.words import Detector


class Built(NamedTuple):
    """`build` raises MissingExtra where a package is missing, and PatternError for a pattern that cannot be used."""

    options: type[msgspec.Struct]
    build: Callable[[Any], Detector]


DETECTORS: dict[str, Built] = {
    "deny": Built(DenyOptions, DenyDetector),
    "personal_data": Built(PersonalDataOptions, PersonalDataDetector),
    "secrets": Built(SecretsOptions, SecretsDetector),
}

__all__ = ["DETECTORS", "Built", "MissingExtra", "PatternError"]
