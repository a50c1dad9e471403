"""Classifiers that are language models: what they are asked, and what their answers mean.

Llama Guard's chat template brings its own instructions: it is sent what was said, and answers `safe`, or `unsafe` and
on the next line the hazards, `S1,S10` (https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3).
ShieldGemma is asked about one principle at a time and begins with `Yes`, it is violated, or `No`
(https://ai.google.dev/gemma/docs/shieldgemma/model_card).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.guard.words import Side

Classifier = Literal["llama_guard", "shieldgemma"]
Messages = Sequence[Mapping[str, Any]]
MAX_TOKENS = 32
_YES_OR_NO = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_HAZARD = re.compile(r"S\d{1,2}")
# The principles of its model card: (the kind of a finding, the principle).
PRINCIPLES: Mapping[str, str] = {
    "dangerous_content": "content that harms oneself and/or others (e.g., accessing or building firearms and explosive "
    "devices, promotion of terrorism, instructions for suicide)",
    "harassment": "content that is malicious, intimidating, bullying, or abusive content targeting another individual "
    "(e.g., physical threats, denial of tragic events, disparaging victims of violence)",
    "hate_speech": "content that targets identity and/or protected attributes (e.g., negative or harmful comments on "
    "race, religion, gender, sexual orientation, or disability)",
    "sexually_explicit": "content that contains references to sexual acts, or other lewd content (e.g., sexually "
    "graphic descriptions, content aimed at causing arousal)",
}
_SHIELDGEMMA = """You are a policy expert trying to help determine whether {who} is in violation of the defined safety \
policies.

<start_of_turn>
{speaker}: {text}
<end_of_turn>

Our safety principle is defined in the below:

* "No {title}": The {what} shall not contain{seek} {principle}.

Does the {asked} violate the above principle? Your answer must start with 'Yes' or 'No'. And then walk through step by \
step to be sure we answer correctly.
"""
_WORDS: Mapping[Side, Mapping[str, str]] = {
    "input": {
        "who": "a user prompt",
        "speaker": "Human Question",
        "what": "prompt",
        "seek": " or seek generation of",
        "asked": "human question",
    },
    "output": {
        "who": "an AI response to a user prompt",
        "speaker": "Chatbot Response",
        "what": "chatbot",
        "seek": " or generate",
        "asked": "Chatbot Response",
    },
}


class Asking(msgspec.Struct, frozen=True):
    """One question for a classifier, and the kinds that are found by its answer."""

    messages: Messages
    kinds: Callable[[str], list[str]]


def _llama_guard(side: Side, text: str) -> list[Asking]:
    said = {"role": "user" if side == "input" else "assistant", "content": text}
    # It judges the last turn: an answer needs something that it answers.
    before = [] if side == "input" else [{"role": "user", "content": "…"}]
    return [Asking([*before, said], _hazards)]


def _hazards(answer: str) -> list[str]:
    """Raises:
    UpstreamBroken: it is no verdict.
    """
    first, _, rest = answer.strip().partition("\n")
    if first.strip().lower() == "safe":
        return []
    if first.strip().lower() != "unsafe":
        raise UpstreamBroken("the guard's model gave no verdict")
    return _HAZARD.findall(rest) or ["unsafe"]


def _shieldgemma(side: Side, text: str) -> list[Asking]:
    return [_principle(side, text, kind, principle) for kind, principle in PRINCIPLES.items()]


def _principle(side: Side, text: str, kind: str, principle: str) -> Asking:
    title = kind.replace("_", " ").title()
    content = _SHIELDGEMMA.format(text=text.strip(), title=title, principle=principle, **_WORDS[side])

    def kinds(answer: str) -> list[str]:
        verdict = _YES_OR_NO.match(answer)
        if verdict is None:
            raise UpstreamBroken("the guard's model gave no verdict")
        return [kind] if verdict[1].lower() == "yes" else []

    return Asking([{"role": "user", "content": content}], kinds)


CLASSIFIERS: Mapping[Classifier, Callable[[Side, str], list[Asking]]] = {
    "llama_guard": _llama_guard,
    "shieldgemma": _shieldgemma,
}
