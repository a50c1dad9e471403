"""What can be found in a text, each kind by a detector: the word in policies → its options and how it is built."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from gateway.guard.words import Detector


class PatternError(Exception):
    pass


class MissingExtra(Exception):
    pass


class Built(NamedTuple):
    options: type[msgspec.Struct]
    build: Callable[[Any], Detector]


DETECTORS: dict[str, Built] = {}
