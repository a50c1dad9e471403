"""CASES.md says what the code does."""

import re

import pytest

from gateway.cli.schema import KINDS
from gateway.compare.cases import grade, read_suite
from gateway.compare.grading import Making, Outside, Sample
from gateway.compare.grading.jsonpathing import _KEYS as PATH_KEYS  # pyright: ignore[reportPrivateUsage]
from gateway.compare.grading.names import NAMES
from gateway.core.extras import installing
from gateway.core.usage import Usage
from gateway.stores.documents import Text
from tests.compare.grading.making_checks import wrong
from tests.compare.grading.scripted_judges import Scripted
from tests.conftest import ROOT

TEXT = (ROOT / "gateway" / "compare" / "cases" / "CASES.md").read_text()
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_every_type_is_in_the_table() -> None:
    rows = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(rows))) == sorted(NAMES)


def test_every_key_of_json_path_is_told() -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| `json-path`")]
    assert set(re.findall(r"`(\w+)`", row)) == set(PATH_KEYS)


async def test_the_example_is_read_and_graded() -> None:
    suite = read_suite(Text("CASES.md", EXAMPLE.encode()))
    assert [case.id for case in suite.cases] == ["tests[0].1", "tests[0].2", "tests[1]"]
    assert "cases" in KINDS
    said = {"reason": "r", "score": 1, "pass": True}
    answer = Sample(
        text='{"queue": "fraud", "urgent": true, "reply": "Dear Ann, …"}', latency_s=4, cost_nano=900_000, usage=Usage()
    )
    found = await grade(suite.cases[0], answer, Scripted(said).outside)
    assert (found.passed, found.severity, found.source) == (True, "never-break", "ticket-4711")
    assert found.named["queue"] == (1.0, 2.0)
    assert found.score == pytest.approx((1 + 1 + 2 + 1 + 0.5) / 6)
    greeting = suite.cases[2]
    assert greeting.output is not None
    assert (await grade(greeting, greeting.output, Scripted(said).outside)).human == "pass"
    assert (await grade(greeting, greeting.output, Outside())).error


@pytest.mark.parametrize(
    ("assertion", "module"),
    [
        ({"type": "regex", "value": "a"}, "re2"),
        ({"type": "is-json", "value": {"type": "object"}}, "jsonschema_rs"),
        ({"type": "json-path", "value": {"path": "$", "regex": "a"}}, "re2"),
    ],
)
def test_without_the_extra_it_says_what_to_install(
    assertion: dict[str, object], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setattr("gateway.guard.detectors.matching._re2", None)
    _, reason = wrong(Making(), **assertion)
    assert f"need the extra `guards`: {installing('guards')}" in reason
