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
    """A judge did not answer. Says why. `cost_nano`: what it cost all the same."""

    def __init__(self, why: str, cost_nano: int = 0) -> None:
        super().__init__(why)
        self.cost_nano = cost_nano


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
        # By model, what its dearest answer has cost: of one that broke off nobody says it.
        self._dearest: dict[str, int] = {}

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
            cost = self._dearest.get(model) if heard.cost_nano is None else heard.cost_nano
            self.unpriced += cost is None
            raise NoAnswer("no answer came" if failure is None else f"{failure.code}: {failure.message}", cost or 0)
        if self._kept is not None and not heard.kept:
            self._kept.put(question, heard)
        cost = heard.sample.cost_nano
        self.unpriced += cost is None
        self._dearest[model] = max(cost or 0, self._dearest.get(model, 0))
        return Answer(heard.sample.text, cost or 0, heard.sample.model)


def declared_words(judge: msgspec.Struct | None) -> str:
    """What tells one default judge from another."""
    return "" if judge is None else hashlib.sha256(msgspec.json.encode(judge)).hexdigest()
