"""Callers and requests that stand for all others: values on both sides of everything that rules distinguish.

A pattern gets a value that matches and one that does not, a number in a condition the number itself and its
neighbours, a word in a condition the word. What a condition computes from them is beyond this: it is asked about
these values and no others.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gateway.access.entries import Entry
from gateway.access.grids import Axis, Grid
from gateway.core.globs import compile_globs, is_glob
from gateway.core.model import Attributes

MAX_SUBJECTS = 256
MAX_WITNESSES = 16
MAX_REQUESTS = 64
ENVIRONMENT = "env"
OTHER = "another"
LABEL, CLAIM = "label ", "claim "
_TEXT = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
# `subject.labels.x`, `subject.labels['x']`, `'x' in subject.labels`.
_NAMED = (
    r"subject\s*\.\s*{kind}\s*(?:\.\s*(\w+)|\[\s*['\"]([^'\"]*)['\"]\s*\])"
    r"|['\"]([^'\"]*)['\"]\s+in\s+subject\s*\.\s*{kind}\b(?!\s*[.\[])"
)
_KINDS = {kind: re.compile(_NAMED.format(kind=kind)) for kind in ("labels", "claims")}


def subjects(entries: Sequence[Entry], changed: Collection[str]) -> Grid:
    """The labels and claims that these rules tell apart. `changed`: ids whose callers are looked at before others'."""
    patterns: dict[str, dict[str, None]] = {}
    words: dict[str, dict[str, None]] = {}
    for one in entries:
        for name, found in _asked_for(one).items():
            for several in found:
                patterns.setdefault(name, {}).update(dict.fromkeys(several))
        for name, found in _in_condition(one).items():
            words.setdefault(name, {}).update(dict.fromkeys(found))
    axes = [
        Axis(name, _label_values(list(patterns.get(name, ())), list(words.get(name, ()))))
        if name.startswith(LABEL)
        else Axis(name, _claim_values(list(patterns.get(name, ())), list(words.get(name, ()))))
        for name in sorted({*patterns, *words})
    ]
    by_name = {axis.name: axis for axis in axes}
    first = [witness for one in entries if one.id in changed for witness in _witnesses(one, by_name)]
    return Grid(axes, MAX_SUBJECTS, [{}, *first])


def requests(entries: Sequence[Entry]) -> Grid:
    """The requests that these rules tell apart."""
    conditions = [one.condition for one in entries if one.condition is not None]
    fields = {field for condition in conditions for field in condition.fields}
    axes = [Axis("tools", (False, True))]
    if "stream" in fields:
        axes.append(Axis("stream", (False, True)))
    if "max_output_tokens" in fields:
        texts = [condition.text for condition in conditions if "max_output_tokens" in condition.fields]
        found = {int(number) for text in texts for number in _NUMBER.findall(_TEXT.sub("", text))}
        around = {near for number in found for near in (number - 1, number, number + 1) if 0 < near < 2**53}
        axes.append(Axis("max_output_tokens", (0, *sorted(around))))
    if "hosted_tools" in fields:
        texts = [condition.text for condition in conditions if "hosted_tools" in condition.fields]
        kinds = sorted({word for text in texts for word in _texts(text)})
        several = [tuple(kinds)] if len(kinds) > 1 else []
        axes.append(Axis("hosted_tools", ((), *((kind,) for kind in kinds), *several)))
    if "prompt" in fields or any(one.source.obligations.require_prompt for one in entries):
        named = sorted({word for one in conditions if "prompt" in one.fields for word in _texts(one.text)})
        axes.append(Axis("prompt", ("", *named, OTHER)))
    return Grid(axes, MAX_REQUESTS, sensible=lambda values: bool(values["tools"] or not values.get("hosted_tools")))


def facts(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Labels and claims of a point of `subjects`."""
    labels = {
        name.removeprefix(LABEL): value
        for name, value in values.items()
        if name.startswith(LABEL) and value is not None
    }
    claims = {name.removeprefix(CLAIM): value for name, value in values.items() if name.startswith(CLAIM) and value}
    return labels, claims


def attributes(values: Mapping[str, Any], data_class: str) -> Attributes:
    """What a point of `requests` asks for."""
    return Attributes(data_class=data_class, **values)


def _asked_for(one: Entry) -> dict[str, list[tuple[str, ...]]]:
    """What an entry asks of labels and claims, by axis: patterns, one of each list must match."""
    found: dict[str, list[tuple[str, ...]]] = {}
    source = one.source
    if source.environments is not None:
        found.setdefault(LABEL + ENVIRONMENT, []).append(source.environments)
    for name, pattern in (source.labels or {}).items():
        found.setdefault(LABEL + name, []).append((pattern,))
    for name, patterns in (source.claims or {}).items():
        found.setdefault(CLAIM + name, []).append(patterns)
    return found


def _in_condition(one: Entry) -> dict[str, list[str]]:
    """The labels and claims that a condition looks at, each with all its words: which belongs to which is not told."""
    if one.condition is None:
        return {}
    text = one.condition.text
    found = {
        prefix + "".join(match.groups(""))
        for kind, prefix in (("labels", LABEL), ("claims", CLAIM))
        for match in _KINDS[kind].finditer(text)
    }
    if "subject.environment" in one.condition.names:
        found.add(LABEL + ENVIRONMENT)
    names = {name.partition(" ")[2] for name in found}
    words = [word for word in dict.fromkeys(_texts(text)) if word not in names]
    return dict.fromkeys(sorted(found), words)


def _texts(condition: str) -> Iterator[str]:
    for single, double in _TEXT.findall(condition):
        yield single or double


def _label_values(patterns: Sequence[str], words: Sequence[str]) -> tuple[str | None, ...]:
    return (None, *_told_apart(patterns, words))


def _claim_values(patterns: Sequence[str], words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """None, each alone, and all at once: a caller may be of several groups."""
    found = _told_apart(patterns, words)
    said = tuple(word for word in found if word != OTHER)
    return ((), *((word,) for word in found), *([said] if len(said) > 1 else []))


def _told_apart(patterns: Sequence[str], words: Sequence[str]) -> list[str]:
    """Values that no two of which match the same patterns; besides, every one of `words`."""
    exact = [pattern for pattern in patterns if not is_glob(pattern)]
    globs = [pattern for pattern in patterns if is_glob(pattern)]
    made = [glob.replace("*", filler).replace("?", "x") for glob in globs for filler in ("", OTHER)]
    tests = [compile_globs((pattern,)) for pattern in globs]
    found, seen = list(dict.fromkeys([*exact, *words])), set[tuple[bool, ...]]()
    for word in dict.fromkeys([*made, OTHER]):
        matched = tuple(test(word) for test in tests)
        if word not in found and word and matched not in seen:
            seen.add(matched)
            found.append(word)
    return found


def _witnesses(one: Entry, axes: Mapping[str, Axis]) -> Iterator[dict[str, int]]:
    """Callers whom the entry asks for; with a condition, those with each of its words in each of its places."""
    found: dict[str, list[int]] = {}
    for name, words in _in_condition(one).items():
        found[name] = [number for number, value in enumerate(axes[name].values) if set(_words(value)) & set(words)]
    for name, several in _asked_for(one).items():
        tests = [compile_globs(patterns) for patterns in several]
        fits = [
            number
            for number, value in enumerate(axes[name].values)
            if _words(value) and all(any(map(test, _words(value))) for test in tests)
        ]
        found[name] = (
            fits[:1] if name not in found else [number for number in found[name] if number in fits] or fits[:1]
        )
    several = {name: numbers for name, numbers in found.items() if numbers}
    for point in itertools.islice(itertools.product(*several.values()), MAX_WITNESSES):
        yield dict(zip(several, point, strict=True))


def _words(value: Any) -> tuple[str, ...]:
    """A label's value, or a claim's words."""
    return (value,) if isinstance(value, str) else value or ()
