"""What can be found in a text, each kind by a detector: the word in policies → its options and how it is built.

Detectors read with RE2, so that no text and no pattern makes them slow, and derive what `open_from` holds back of a
stream from the very patterns that `find` uses (`prefixes`). A span may reach over `open_from` if it is found already:
then a stream is cut before the span, or has it replaced.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from gateway.guard.detectors.deny import DenyDetector, DenyOptions
from gateway.guard.detectors.injection import PromptInjectionDetector, PromptInjectionOptions
from gateway.guard.detectors.json_schema import JsonSchemaDetector, JsonSchemaOptions
from gateway.guard.detectors.language import LanguageDetector, LanguageOptions
from gateway.guard.detectors.leak import LeakDetector, LeakOptions
from gateway.guard.detectors.matching import MissingExtra
from gateway.guard.detectors.personal import PersonalDataDetector, PersonalDataOptions
from gateway.guard.detectors.prefixes import PatternError
from gateway.guard.detectors.secrets import SecretsDetector, SecretsOptions
from gateway.guard.detectors.urls import UrlsDetector, UrlsOptions
from gateway.guard.words import Detector


class Built(NamedTuple):
    """`build` raises MissingExtra where a package is missing, and ValueError (PatternError) for options that make no
    sense. `per_call`: it compares with the call's system prompt; `LeakDetector.of(system)` makes the one to ask."""

    options: type[msgspec.Struct]
    build: Callable[[Any], Detector]
    per_call: bool = False


DETECTORS: dict[str, Built] = {
    "deny": Built(DenyOptions, DenyDetector),
    "json_schema": Built(JsonSchemaOptions, JsonSchemaDetector),
    "language": Built(LanguageOptions, LanguageDetector),
    "leak": Built(LeakOptions, LeakDetector, per_call=True),
    "personal_data": Built(PersonalDataOptions, PersonalDataDetector),
    "prompt_injection": Built(PromptInjectionOptions, PromptInjectionDetector),
    "secrets": Built(SecretsOptions, SecretsDetector),
    "urls": Built(UrlsOptions, UrlsDetector),
}

__all__ = ["DETECTORS", "Built", "LeakDetector", "MissingExtra", "PatternError"]
