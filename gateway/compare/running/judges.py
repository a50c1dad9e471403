"""Judges asked through the same gateway as the arms: their calls have limits and a place in the ledger too."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.grading.judging.judges import Answer, Message
from gateway.compare.running.asking import Ask, Question, digest_of
from gateway.compare.running.keeping import KeptAnswers
from gateway.compare.running.patience import Patience, patiently
from gateway.compare.running.trials import Arm


class NoAnswer(Exception):
    """A judge did not answer. Says why."""


class Judging:
    """An `AskModel` over an `Ask`. The same question to the same judge is asked once, and again only if it is served by
    another model than before.

    Args:
        ask: of whole answers, not of streams. sleep: between tries.

    Attributes:
        unpriced: how many answers had no price, and count as nothing.
    """

    def __init__(
        self,
        ask: Ask,
        kept: KeptAnswers | None,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ask = ask
        self._kept = kept
        self._patience = patience
        self._sleep = sleep
        self.unpriced = 0

    async def __call__(self, messages: Sequence[Message], model: str, params: Mapping[str, Any]) -> Answer:
        """Raises:
        NoAnswer: nobody answered.
        """
        request = {"model": model, "messages": list(messages), **params}
        arm = Arm(name=f"judge {model}", kind="model", model=model)
        digest = digest_of(arm, request, streamed=False)
        question = Question(
            id=f"judge-{hashlib.sha256(digest.encode()).hexdigest()[:24]}",
            arm=arm,
            case="",
            repeat=0,
            request=request,
            digest=digest,
        )
        kept = None if self._kept is None else self._kept.get(question)
        if kept is not None and kept.sample is not None:
            return Answer(kept.sample.text, 0, kept.sample.model)
        heard = (await patiently(self._ask, question, self._patience, self._sleep)).heard
        if heard.sample is None:
            failure = heard.failure
            raise NoAnswer("no answer came" if failure is None else f"{failure.code}: {failure.message}")
        if self._kept is not None and not heard.kept:
            self._kept.put(question, heard)
        self.unpriced += heard.sample.cost_nano is None
        return Answer(heard.sample.text, heard.sample.cost_nano or 0, heard.sample.model)


def declared_words(judge: msgspec.Struct | None) -> str:
    """What tells one default judge from another."""
    return "" if judge is None else hashlib.sha256(msgspec.json.encode(judge)).hexdigest()
