"""Who grades, in promptfoo's words: a `provider` (`openai:gpt-4.1`, or `{id, config}`) and a `rubricPrompt`, of an
assertion, a test or all tests. Its model is the id's last part, which is to be the name of a model of the gateway."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from gateway.compare.cases.promptfoo.telling import Place, Telling
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.judging.prompts import PROMPTS
from gateway.compare.grading.names import plain_name

_PARAMS = ("max_tokens", "max_completion_tokens", "seed", "top_p", "reasoning_effort")


class Graders:
    """The judges of a suite, by the names that its assertions are given."""

    def __init__(self, telling: Telling) -> None:
        self.judges: dict[str, Judge] = {}
        self._telling = telling

    def judged(self, assertion: dict[str, Any], options: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """The assertion with the name of its judge instead of promptfoo's words, if a model grades it."""
        made = {key: value for key, value in assertion.items() if key not in ("provider", "rubricPrompt")}
        if plain_name(str(assertion.get("type")))[0] not in PROMPTS:
            if "provider" in assertion:
                self._telling.note(place.within("provider"), "whom vectors are asked of is for the gateway to say")
            return made
        provider = assertion.get("provider", options.get("provider"))
        prompt = assertion.get("rubricPrompt", options.get("rubricPrompt", ""))
        if not isinstance(prompt, str) or prompt.lstrip().startswith("["):
            self._telling.note(
                place.within("rubricPrompt"), "only a prompt of one text is understood; the usual one is used"
            )
            prompt = ""
        judge = self._judge(provider, prompt, place)
        return made if judge is None else {**made, "judge": judge.name}

    def _judge(self, provider: Any, prompt: str, place: Place) -> Judge | None:
        config: dict[str, Any] = {}
        if isinstance(provider, dict):
            found = cast(dict[str, Any], provider)
            text = found.get("text")
            found = cast(dict[str, Any], text) if isinstance(text, dict) else found
            config, provider = found.get("config") or {}, found.get("id", text)
        if provider is None:
            return None
        if not isinstance(provider, str) or not provider:
            self._telling.note(place.within("provider"), "is not the name of a model; the judge that is given is used")
            return None
        params = {key: value for key, value in config.items() if key in _PARAMS}
        name = provider + ("#" + hashlib.sha256(prompt.encode()).hexdigest()[:8] if prompt else "")
        self.judges[name] = Judge(name=name, model=provider.rpartition(":")[2], prompt=prompt, params=params)
        return self.judges[name]
