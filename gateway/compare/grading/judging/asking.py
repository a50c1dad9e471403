"""Asking a judge, and reading what it says: strictly, once more if it is no grade, and then it is an error."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

from gateway.compare.grading.grades import JudgedBy, Ungradable
from gateway.compare.grading.judging.fence import fenced, mark_for
from gateway.compare.grading.judging.judges import Answer, Judge, Message, Outside
from gateway.compare.grading.judging.prompts import BLOCKS, RULES, Prompt
from gateway.compare.grading.templates import Template
from gateway.compare.grading.values import Wrong, clipped

T = TypeVar("T")
ATTEMPTS = 2
MAX_ANSWER = 200_000
_FENCE = "```"


class Malformed(ValueError):
    """A judge's answer that is no grade. Says what is wrong with it."""


class Said(msgspec.Struct, frozen=True):
    """A judge's answer, read. `value`: the object; `answered`: the model that gave it; `cost_nano`: of all attempts."""

    value: Mapping[str, Any]
    answered: str
    cost_nano: int


class Question:
    """A judge with its words: what is asked of it about any answer.

    Raises:
        Wrong: the judge's own prompt is no template, has a block that there is none of, or lacks one that it needs.
    """

    def __init__(self, judge: Judge, prompt: Prompt) -> None:
        self._judge, self._prompt = judge, prompt
        text = judge.prompt or prompt.user
        try:
            self._user = Template(text)
        except ValueError as error:
            raise Wrong(("judge",), f"the prompt of the judge `{judge.name}`: {error}") from None
        for name in sorted(self._user.roots - set(BLOCKS)):
            raise Wrong(("judge",), f"the prompt of the judge `{judge.name}`: there is no `{{{{{name}}}}}`; {_known()}")
        for name in prompt.needs:
            if name not in self._user.roots:
                raise Wrong(("judge",), f"the prompt of the judge `{judge.name}` has no `{{{{{name}}}}}` in it")
        digest = hashlib.sha256("\x00".join((RULES, prompt.form, text)).encode()).hexdigest()
        self.by = JudgedBy(judge.name, judge.model, f"sha256:{digest}")

    def messages(self, blocks: Mapping[str, str]) -> list[Message]:
        """What is sent, with these blocks of data. A block that is empty is left out."""
        mark = mark_for(blocks.values())
        placed = dict.fromkeys(BLOCKS, "")
        placed |= {name: fenced(name, text, mark) for name, text in blocks.items() if text}
        # Template puts each block in once and does not look through it again.
        user = self._user.text_with(placed)
        return [
            {"role": "system", "content": RULES.replace("{mark}", mark) + self._prompt.form},
            {"role": "user", "content": user},
        ]

    async def ask(
        self, outside: Outside, blocks: Mapping[str, str], check: Callable[[Mapping[str, Any]], None]
    ) -> Said:
        """What the judge says. `check` raises Malformed for what is no grade.

        Raises:
            Ungradable: there is nobody to ask, asking failed, or twice no grade was given.
        """
        return await ask_strictly(
            outside, self._judge.model, self.messages(blocks), parameters(self._judge, self._prompt.schema), check
        )

    def with_model(self, said: Said) -> JudgedBy:
        return msgspec.structs.replace(self.by, answered=said.answered)


def parameters(judge: Judge, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of the request, as OpenAI's chat requests have them."""
    form = {"type": "json_schema", "json_schema": {"name": "grade", "strict": True, "schema": schema}}
    return {**judge.params, "temperature": 0, "response_format": form}


async def ask_strictly(
    outside: Outside,
    model: str,
    messages: Sequence[Message],
    params: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], None],
) -> Said:
    """As Question.ask, in whatever words."""
    if outside.ask is None:
        raise Ungradable(f"there is nobody to ask for the judge's model {model}")
    sent, spent, wrong = list(messages), 0, ""
    for _ in range(ATTEMPTS):
        answer = await _answer(outside, sent, model, params, spent)
        spent += answer.cost_nano
        try:
            value = read_object(answer.text)
            check(value)
        except Malformed as error:
            wrong = str(error)
            # At temperature 0 the same question would get the same answer.
            complaint = f"That is not the JSON object that was asked for: {wrong}. Answer again, with it alone."
            sent = [
                *messages,
                {"role": "assistant", "content": answer.text[:MAX_ANSWER]},
                {"role": "user", "content": complaint},
            ]
        else:
            return Said(value, answer.model, spent)
    raise Ungradable(f"the judge gave no grade: {wrong}", spent)


async def _answer(
    outside: Outside, messages: Sequence[Message], model: str, params: Mapping[str, Any], spent: int
) -> Answer:
    assert outside.ask is not None
    try:
        return await outside.ask(messages, model, params)
    except Exception as error:  # noqa: BLE001  whatever keeps a judge from answering is this grade's error
        spent += getattr(error, "cost_nano", 0)
        raise Ungradable(f"the judge cannot be asked: {error}", spent) from None


def read_object(text: str) -> Mapping[str, Any]:
    """The one JSON object that the text is, or that stands alone in its one Markdown fence.

    Raises:
        Malformed: it is another thing, or has a key twice: of two grades nobody could say which is meant.
    """
    if len(text) > MAX_ANSWER:
        raise Malformed(f"it has more than {MAX_ANSWER} letters")
    bare = text.strip()
    if bare.startswith(_FENCE) and bare.endswith(_FENCE) and len(bare) > 2 * len(_FENCE) and bare.count(_FENCE) == 2:
        bare = bare.removeprefix(_FENCE).removesuffix(_FENCE).strip().removeprefix("json")
    try:
        value = json.loads(bare, object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except UnicodeEncodeError:  # what it says is written down, and could not be
        raise Malformed("half a character stands in it") from None
    except ValueError as error:
        raise Malformed(f"it is not JSON ({clipped(str(error), 80)})") from None
    if not isinstance(value, dict):
        raise Malformed("it is not an object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands in it twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise Malformed(f"{name} is no number")


def only_keys(value: Mapping[str, Any], *names: str) -> None:
    """Raises:
    Malformed: the object has other keys than these, or lacks one.
    """
    if missing := [name for name in names if name not in value]:
        raise Malformed(f"`{missing[0]}` is missing")
    if more := [name for name in value if name not in names]:
        raise Malformed(f"it has a key `{clipped(more[0], 40)}`")


def typed(value: Mapping[str, Any], name: str, kind: type[T], what: str) -> T:
    """The value under the name.

    Raises:
        Malformed: it is not of the kind.
    """
    found = value.get(name)
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise Malformed(f"`{name}` is not {what}")
    return found


def score_in(value: Mapping[str, Any], name: str, least: float, most: float) -> float:
    """Raises:
    Malformed: it is no number from least to most.
    """
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
        raise Malformed(f"`{name}` is not a number from {least:g} to {most:g}")
    return float(found)


def one_of(value: Mapping[str, Any], name: str, words: Iterable[str]) -> str:
    """Raises:
    Malformed: it is none of the words.
    """
    found, known = value.get(name), list(words)
    if not isinstance(found, str) or found not in known:
        raise Malformed(f"`{name}` is none of {', '.join(known)}")
    return found


def _known() -> str:
    return "there are " + ", ".join(f"`{{{{{name}}}}}`" for name in BLOCKS)
