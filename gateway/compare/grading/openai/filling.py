"""What `{{item.…}}` and `{{sample.…}}` mean, and messages with them in."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.grading.grades import Ungradable, Unmet
from gateway.compare.grading.judging.fence import fenced, mark_for
from gateway.compare.grading.judging.judges import Message
from gateway.compare.grading.judging.prompts import RULES
from gateway.compare.grading.openai.document import InputMessage
from gateway.compare.grading.sample import NotJson, Sample
from gateway.compare.grading.templates import Missing, Template
from gateway.compare.grading.values import Wrong, text_of

ROOTS = ("item", "sample")


class Fillable:
    """A text with places for the data's and the answer's values.

    Raises:
        Wrong: it is no template, or names another root.
    """

    def __init__(self, text: str, path: Sequence[str | int]) -> None:
        try:
            self.template = Template(text)
        except ValueError as error:
            raise Wrong(path, str(error)) from None
        for root in sorted(self.template.roots - set(ROOTS)):
            raise Wrong(path, f"`{{{{{root}}}}}` is neither of `item` nor of `sample`, the only two there are")

    def text(self, values: Mapping[str, Any], mark: str = "") -> str:
        """`mark`: what is of the answer stands in a block with this mark.

        Raises:
            Unmet: the answer has no such value. Ungradable: the data has none.
        """

        def wrap(root: str, text: str) -> str:
            return fenced("sample", text, mark) if mark and root == "sample" else text

        try:
            return self.template.text_with(values, wrap)
        except Missing as error:
            if error.root == "sample":
                raise Unmet(f"in the answer, {error}") from None
            raise Ungradable(f"in the item, {error}") from None


def values_of(item: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """What templates know. `sample.output_json` is there if the text is JSON; `output_tools` are calls as chat
    completions have them."""
    calls = [
        {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in sample.tool_calls
    ]
    said: dict[str, Any] = {"output_text": sample.text, "output_tools": calls, "model": sample.model}
    if not isinstance(sample.json, NotJson):
        said["output_json"] = sample.json
    message: dict[str, Any] = {"role": "assistant", "content": sample.text}
    if calls:
        message["tool_calls"] = calls
    said["choices"] = [{"index": 0, "message": message, "finish_reason": sample.finish_reason}]
    return {"item": dict(item), "sample": said}


class Messages:
    """What a model that grades is sent.

    Raises:
        Wrong: a part that is no text.
    """

    def __init__(self, messages: Sequence[InputMessage]) -> None:
        if not messages:
            raise Wrong(("input",), "an empty `input`: the model would be asked nothing")
        self._messages = [
            (one.role, Fillable(_text(one.content, ("input", index, "content")), ("input", index, "content")))
            for index, one in enumerate(messages)
        ]
        self.digested = msgspec.json.encode([(role, text.template.text) for role, text in self._messages])

    def filled(self, values: Mapping[str, Any], form: str) -> list[Message]:
        """The messages, what is of the answer behind marks, and before them what marks are and how to answer.

        Raises:
            Unmet, Ungradable: as Fillable.
        """
        sample = values["sample"]
        mark = mark_for([sample["output_text"], text_of(sample["output_tools"])])
        rules = {"role": "system", "content": RULES.replace("{mark}", mark) + form}
        said = [{"role": role, "content": text.text(values, mark)} for role, text in self._messages]
        return [rules, *said]


def _text(content: Any, path: Sequence[str | int]) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_text(one, (*path, index)) for index, one in enumerate(cast(list[Any], content)))
    found = cast(dict[str, Any], content) if isinstance(content, dict) else {}
    if found.get("type") not in ("input_text", "output_text", "text") or not isinstance(found.get("text"), str):
        raise Wrong(path, "only texts can be graded here: a text, or parts of type `input_text`")
    return found["text"]
