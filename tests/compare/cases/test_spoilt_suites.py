"""Suites and graders with something in them that does not belong there: refused in the one way there is, or read."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.compare.cases.promptfoo import read_promptfoo
from gateway.compare.grading import Judge, Sample, Wrong
from gateway.compare.grading.openai import read_grader
from gateway.stores.documents import DocumentError, Text, parse_document
from tests.compare.cases.test_promptfoo_suites import CONFIG
from tests.compare.grading.test_openai_graders import LABEL, MULTI, SCORE
from tests.stores.fuzzing import VALUES, emit

PLAIN: list[Any] = [None, True, 0, -1, 1.5, 10**400, float("nan"), "", "x", "{{item.a}}", "{{", "\ud800", [], [[]], {}, {"type": "x"}, {"a": [None]}, ["a", 1]]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in children:
        yield from places(one, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return {key: changed(one, tuple(rest), new) if key == first else one for key, one in value.items()}
    return [changed(one, tuple(rest), new) if index == first else one for index, one in enumerate(value)]


def test_spoilt_suites() -> None:
    tree: Any = parse_document(CONFIG.encode(), "f", Any)  # type: ignore[arg-type]
    chance = random.Random(5)
    read = refused = 0
    for path in places(tree):
        for value in chance.sample(VALUES, 5):
            text = emit(changed(tree, path, value)).encode("utf-8", "surrogatepass")
            try:
                found = read_promptfoo(Text("f.yaml", text), judge=Judge(name="j", model="m"))
                assert found.suite.cases
                assert all(one.why and one.file for one in found.left_out)
                read += 1
            except DocumentError:
                refused += 1
    assert read > 200
    assert refused > 10


@pytest.mark.parametrize("grader", [MULTI, LABEL, SCORE], ids=lambda grader: grader["type"])
async def test_spoilt_graders(grader: dict[str, Any]) -> None:
    read = 0
    for path in places(grader):
        for value in PLAIN:
            with contextlib.suppress(Wrong):
                grade = await read_grader(changed(grader, path, value)).grade({"a": 1}, Sample(text="x\ud800"))
                assert 0 <= grade.score <= 1
                read += 1
    assert read > 5
