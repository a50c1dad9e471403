"""dotprompt's own cases, https://github.com/google/dotprompt/tree/main/spec: every one of them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gateway.prompts.dotprompt import Message, Prompt, TextPart, read
from gateway.prompts.dotprompt.messages import as_json
from tests.conftest import SHARED

SPEC = SHARED / "dotprompt-spec"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="dotprompt's cases are not here: ../shared/dotprompt-spec")


def _cases() -> list[Any]:
    return [
        pytest.param(suite, case, id=f"{path.relative_to(SPEC).with_suffix('')}-{suite['name']}-{case['desc']}")
        for path in sorted(SPEC.rglob("*.yaml"))
        for suite in yaml.safe_load(path.read_text())
        for case in suite["tests"]
    ]


def _prompt(suite: dict[str, Any], case: dict[str, Any]) -> Prompt:
    partials = {**suite.get("partials", {}), **suite.get("resolverPartials", {})}
    prompt = read(suite["template"], path="case.prompt", partials=partials.get, schemas=suite.get("schemas", {}))
    given = case.get("options", {}).get("input", {}).get("default")
    return msgspec.structs.replace(prompt, defaults=given) if given else prompt


@pytest.mark.parametrize(("suite", "case"), _cases())
def test_case(suite: dict[str, Any], case: dict[str, Any]) -> None:
    data: dict[str, Any] = {**suite.get("data", {}), **case.get("data", {})}
    prompt = _prompt(suite, case)
    history = [message(one) for one in data.get("messages", [])]
    messages = prompt.render(
        data.get("input", {}), context=data.get("context"), history=history, docs=data.get("docs", ())
    )
    found = {
        "messages": as_json(messages),
        "model": prompt.model,
        "config": prompt.config,
        "ext": prompt.ext,
        "raw": prompt.raw,
        "input": _present(schema=prompt.input_schema, default=prompt.defaults),
        "output": _present(schema=prompt.output_schema, format=prompt.output_format),
    }
    assert {key: found[key] for key in case["expect"]} == case["expect"]


def message(plain: dict[str, Any]) -> Message:
    return Message(plain["role"], tuple(TextPart(part["text"]) for part in plain["content"]))


def _present(**entries: Any) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value}


def test_all_cases_are_here() -> None:
    assert len(_cases()) == 117
    assert len(list(Path(SPEC).rglob("*.yaml"))) == 13
