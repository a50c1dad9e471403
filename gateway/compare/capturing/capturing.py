"""Cases out of kept pairs: chosen by chance, of teams that consent, their variables read back, their texts redacted."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.capturing.redacting import Redactor
from gateway.compare.capturing.variables import read_back
from gateway.compare.running.samples import StreamedAnswer
from gateway.core.conversation import Text
from gateway.core.faults import Fault
from gateway.dialects.chat.answers import decode_answer
from gateway.guard.words import Detector
from gateway.prompts.dotprompt import Prompt

Row = Mapping[str, Any]
CHAT = "chat"
_TEXTS = ("text", "refusal")
# Why a call became no case, in the order of what is looked at; for people.
REASONS: Mapping[str, str] = {
    "consent": "of teams that have not consented (`cases_from_traffic` in tenants.yaml)",
    "protocol": "not in chat completions' protocol",
    "version": "of a version that is not here",
    "untold": "whose variables the text does not tell",
    "media": "with pictures, sound or files, in which nobody finds what is to be taken out",
    "known": "that are among the cases already",
}


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `answer`: what was answered, for whoever writes down what must be; `source`: who asked, as a number;
    `redacted`: how many values were taken out."""

    variables: Mapping[str, str]
    messages: tuple[Mapping[str, Any], ...]
    version: int
    at_ns: int
    source: str
    answer: str
    redacted: int


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What was captured, and by reason (`REASONS`) how many calls were left out."""

    cases: tuple[Captured, ...]
    left_out: Mapping[str, int]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted.

    Attributes:
        prompt: its name. since_ns: Unix nanoseconds. sample: at most so many cases, chosen by `seed`.
        consenting: (tenant, team) of those who let cases be made of their calls.
        version: the prompt's version of a number; None: it is not here.
        known: the variables of cases that there are already.
    """

    prompt: str
    since_ns: int
    sample: int
    seed: int
    consenting: Collection[tuple[str, str]]
    version: Callable[[int], Prompt | None]
    known: Sequence[Mapping[str, Any]] = ()


Get = Callable[[str], Row | None]


def capture(rows: Iterable[Row], get: Get, asked: Asked, detectors: tuple[Detector, ...]) -> Capture:
    """Make cases of kept pairs.

    Args:
        rows: pairs without what was said. get: one with it; it is called for those only whose team consents.
    """
    left_out = dict.fromkeys(REASONS, 0)
    open_: list[Row] = []
    for row in rows:
        name, _, version = str(row["prompt_id"]).rpartition("@")
        if name != asked.prompt or row["at_ns"] < asked.since_ns:
            continue
        if (row["tenant"], row["team"]) not in asked.consenting:
            left_out["consent"] += 1
        elif row["operation"] != CHAT:
            left_out["protocol"] += 1
        elif not version.isdecimal() or asked.version(int(version)) is None:
            left_out["version"] += 1
        else:
            open_.append(row)
    random.Random(asked.seed).shuffle(open_)  # noqa: S311  a sample, and no secret
    making = _Making(asked, detectors)
    cases: list[Captured] = []
    for row in open_:
        if len(cases) == asked.sample:
            break
        whole = get(row["id"])
        made = None if whole is None else making.case(whole)
        if isinstance(made, str):
            left_out[made] += 1
        elif made is not None:
            cases.append(made)
    return Capture(cases=tuple(cases), left_out={reason: count for reason, count in left_out.items() if count})


class _Making:
    def __init__(self, asked: Asked, detectors: tuple[Detector, ...]) -> None:
        self._asked = asked
        self._detectors = detectors
        self._callers: dict[tuple[str, str, str], str] = {}
        self._seen = [dict(one) for one in asked.known]

    def case(self, row: Row) -> Captured | str:
        """One, or the reason why there is none."""
        version = int(str(row["prompt_id"]).rpartition("@")[2])
        prompt = self._asked.version(version)
        messages = _messages(row["request"])
        found = None if prompt is None or messages is None else read_back(prompt, messages)
        if found is None:
            return "untold"
        if _has_media([found.variables, found.messages]):
            return "media"
        redactor = Redactor(self._detectors)
        variables = redactor.redacted(dict(found.variables))
        own = tuple(redactor.redacted(list(found.messages)))
        if variables in self._seen and not own:
            return "known"
        self._seen.append(variables)
        return Captured(
            variables=variables,
            messages=own,
            version=version,
            at_ns=row["at_ns"],
            source=self._source(row),
            answer=redactor.redacted(_answer(row["primary_answer"], streamed=bool(row["stream"]))),
            redacted=redactor.found,
        )

    def _source(self, row: Row) -> str:
        """Questions of one caller are alike; who it is, nobody is told."""
        user = str(row["user"])
        if not user:
            return ""
        key = (str(row["tenant"]), str(row["team"]), user)
        return self._callers.setdefault(key, f"caller {len(self._callers) + 1}")


def _messages(request: str) -> list[Mapping[str, Any]] | None:
    try:
        said: Any = msgspec.json.decode(request)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    messages = cast(Mapping[str, Any], said).get("messages") if isinstance(said, dict) else None
    if not isinstance(messages, list):
        return None
    found = cast(list[Any], messages)
    return found if all(isinstance(one, dict) for one in found) else None


def _has_media(value: Any) -> bool:
    """Whether something in it is no text: a part of a message that is another thing, or what stands for one."""
    if isinstance(value, str):
        return value.startswith("data:") and ";base64," in value[:200]
    if isinstance(value, Mapping):
        found = cast(Mapping[str, Any], value)
        parts = found.get("content")
        other = isinstance(parts, list) and any(_kind(part) not in _TEXTS for part in cast(list[Any], parts))
        return other or any(_has_media(one) for one in found.values())
    return isinstance(value, list | tuple) and any(_has_media(one) for one in cast(list[Any], value))


def _kind(part: Any) -> object:
    return cast(Mapping[str, Any], part).get("type") if isinstance(part, Mapping) else None


def _answer(body: str, *, streamed: bool) -> str:
    """The text that was answered; empty if it cannot be read."""
    data = body.encode("utf-8", "replace")
    try:
        if streamed:
            reading = StreamedAnswer(lambda: 0.0)
            reading.feed(data)
            answer = reading.end()
        else:
            answer = decode_answer(data)
    except Fault:
        return ""
    parts = answer.choices[0].parts if answer.choices else ()
    return "".join(part.text for part in parts if isinstance(part, Text))
