"""What is wrong with a policy file is said in words, with an example, and names what it is about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policyset import policy_problems
from tests.drift.test_findings import CARD, Folder

RULE = "rules:\n  - {{id: {id}, effect: allow, owner: o, reason: r, tenants: [acme]{more}}}\n"
ROUTE = "routes:\n  small:\n    strategy: weighted\n    targets: [{{target: p/m{when}}}]\n    {more}\n"
GUARD = "guards:\n  - {{id: {id}, on: [input], action: block, detect: [{detect}]}}\n"
DAY = "a day such as 2026-11-01, or a moment such as 2026-11-01T12:00:00Z"


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str, str], str]:
    folder = Folder(tmp_path)

    def one(name: str, text: str) -> str:
        folder.write(name, text)
        (problem,) = policy_problems(tmp_path)
        assert Path(problem.file) == tmp_path / name
        return problem.reason

    return one


def card(before: str, after: str) -> str:
    text = CARD.replace("NAME", "m")
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("access.yaml", RULE.format(id="r", more=", until: next week"), f"rules.0.until: is not {DAY}"),
        ("models/m.yaml", card("on: 2026-01-01", "on: 15.1.2026"), f"life.approved.on: is not {DAY}"),
        ("models/m.yaml", card("0" * 64, "zz"), "sha256: is not a SHA-256: 64 of 0-9 and a-f"),
        ("models/m.yaml", card("name: m\n", "name: -m x\n"), "name: is not a name such as gpt-4.1-mini"),
        ("models/m.yaml", card("training_cutoff: 2025-06", "training_cutoff: summer"), "such as 2025, 2025-06 or 2025-06-30"),
        ("prices.yaml", "currency: euro\nprices: []\n", "currency: is not a currency's code such as USD"),
        ("access.yaml", "rules:\n  - {id: r}\n", "rules.0: `effect` is missing; it is one of allow, deny"),
        ("access.yaml", "# nothing\n", "is empty; what stands in it begins with `rules`, `exceptions`"),
        ("access.yaml", RULE.format(id="''", more=""), "the id is empty; each has one of its own"),
        ("limits.yaml", "limits:\n  - {id: 'a|b', requests_per_day: 1}\n", "the limit id `a|b` has a `|` in it"),
    ],
)  # fmt: skip
def test_what_is_expected(name: str, text: str, said: str, told: Callable[[str, str], str]) -> None:
    reason = told(name, text)
    assert said in reason
    assert "regex" not in reason


@pytest.mark.parametrize(
    ("canary", "said"),
    [
        ("target: p/x, since: 2026-11-02, steps: [1, 5, 25]",
         "routes.small.canary.steps.1: expected a number of at most 1; a part of a whole, 0.25 for a quarter"),
        ("target: p/x", f"routes.small.canary: `since` is missing; it is {DAY}"),
        ("target: p/m, since: 2026-11-02", "a canary's target must not be one of the route's `targets`, and `p/m` is"),
    ],
)  # fmt: skip
def test_of_canaries(canary: str, said: str, told: Callable[[str, str], str]) -> None:
    assert told("routes.yaml", ROUTE.format(when="", more=f"canary: {{{canary}}}")) == said


def test_an_id_that_stands_twice_is_found_where_it_stands_first(
    told: Callable[[str, str], str], tmp_path: Path
) -> None:
    twice = RULE.format(id="r", more="") + RULE.format(id="r", more="").partition("\n")[2]
    first = f"{tmp_path / 'access.yaml'}:2"
    assert told("access.yaml", twice) == f"the id `r` stands twice ({first}); each has one of its own"


def test_conditions_name_their_rule_and_the_nearest_word(told: Callable[[str, str], str]) -> None:
    pytest.importorskip("cel_expr_python")
    said = told("access.yaml", RULE.format(id="r", more=", when: \"model.regoin == 'eu'\""))
    assert said.startswith("`when` of `r`: column 6: undeclared reference to 'model.regoin'")
    assert said.endswith("; did you mean `model.region`?")
    said = told("access.yaml", RULE.format(id="r", more=", when: \"model.region = 'eu'\""))
    assert said.endswith("; two values are compared by `==`")
    said = told("access.yaml", RULE.format(id="r", more=', when: "model.colour"'))
    assert "known: model.context_tokens, model.hosting" in said
    assert "subject.team" not in said, "only those beside it"


def test_conditions_of_routes_name_the_route_and_the_target(told: Callable[[str, str], str]) -> None:
    pytest.importorskip("cel_expr_python")
    said = told("routes.yaml", ROUTE.format(when=", when: request.steam", more=""))
    assert said.startswith("`when` of `p/m` of the route `small`: column 8: undeclared reference to 'request.steam'")
    assert said.endswith("; did you mean `request.stream`?")


def test_patterns_of_guards_name_the_guard_and_the_pattern(told: Callable[[str, str], str]) -> None:
    pytest.importorskip("re2")
    said = told("guardrails.yaml", GUARD.format(id="a", detect="{deny: {patterns: {x: 'a(b'}}}"))
    assert said == "deny of the guard `a`: the pattern `x`: `(` without `)`"
    said = told("guardrails.yaml", GUARD.format(id="'a;b'", detect="secrets"))
    assert said == "the guard id `a;b` has `;` in it; a plain word such as `pii-input` is one"
