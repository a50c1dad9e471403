"""The decisions' bench itself: it measures what it says, on a small policy; speed is not judged here."""

from pathlib import Path

from gateway.access.asking import ask
from gateway.core.model import Attributes
from gateway.policyset import read_policies
from tests.speed.decisions import NOW, callers, measure, write_policies


def test_every_figure_is_measured() -> None:
    figures = measure(rules=40, models=20, times=5)
    assert len(figures) == 8
    assert all(one.measured > 0 for one in figures)
    assert [one.bar for one in figures if one.bar] == [2.0, 5.0, 5.0, 25.0]


def test_the_policies_that_are_measured_allow_some_and_refuse_some(tmp_path: Path) -> None:
    policies = read_policies(
        write_policies(tmp_path / "policies", 2000, 100, condition="request.max_output_tokens > 5")
    )
    asked = Attributes(data_class="internal", max_output_tokens=10)
    found = [
        bool(ask(policies.access, policies.catalogue, who, f"alias-{number % 100}", "chat", asked, NOW).permits)
        for number, who in zip(range(500), callers(), strict=False)
    ]
    assert 0 < sum(found) < 500
