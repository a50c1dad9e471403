"""Reading policies/routes.yaml: what is wrong is told with its line."""

import pytest

from gateway.core.target import Target
from gateway.core.wiring import Wiring
from gateway.router.loading import check_names, read_routes
from gateway.stores.documents import DocumentError, Text

GOOD = b"""
retries: {max_attempts: 2}
routes:
  fast:
    strategy: weighted
    targets:
      - {target: openai/gpt, weight: 3}
      - {target: azure/gpt, when: "request.input_tokens > 1000 && subject.team == 'ml'"}
    fallbacks: {context_too_long: [large]}
  large: {timeout_s: 5}
"""
WIRING = Wiring(providers=frozenset({"openai", "azure"}), routes={"taken": ()})


def test_a_name_has_its_targets_its_conditions_and_what_the_file_says_for_all() -> None:
    routes = read_routes(Text("routes.yaml", GOOD), WIRING)
    fast = routes.of("fast")
    assert routes.targets == {"fast": (Target("openai", "gpt"), Target("azure", "gpt"))}
    assert list(fast.conditions) == ["azure/gpt"]
    assert (fast.retries.max_attempts, fast.timeout_s) == (2, None)
    assert routes.of("large").timeout_s == 5
    assert routes.of("unheard").retries.max_attempts == 2


WRONG = [
    ("overload:\n  min: 20\n  max: 10\n", 2, "at most overload.max"),
    ("routes: {a: {targets: [{target: opnai/x}]}}", 1, "unknown provider `opnai`; did you mean `openai`?"),
    (
        "routes: {a: {targets: [{target: groq/x}]}}",
        1,
        "known: azure, openai; a new one is added under `providers` in config.yaml",
    ),
    ("routes: {a: {targets: [{target: x}]}}", 1, "a target is `provider/model`, not `x`"),
    ("routes:\n  a:\n    targets:\n    - {target: azure/x}\n    - {target: azure/x}", 5, "`azure/x` stands twice"),
    ("routes: {a: {targets: [{target: azure/x, when: request.nothing}]}}", 1, "undeclared reference"),
    ("routes: {a: {targets: [{target: azure/x, when: 'model.risk == \"low\"'}]}}", 1, "undeclared reference"),
    ("routes: {taken: {targets: [{target: azure/x}]}}", 1, "config.yaml routes `taken` as well"),
    ("routes: {a: {targets: [{target: azure/x, weight: 3}]}}", 1, "say `strategy: weighted`"),
    ("routes: {a: {max_latency_ms: 5}}", 1, "`max_latency_ms` is for `strategy: cheapest`"),
    ("routes: {a: {fallbacks: {timeouts: [b]}}}", 1, "timeouts"),
    ("routes: {a: {strategi: weighted}}", 1, "strategi"),
]


@pytest.mark.parametrize(("text", "line", "reason"), WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_routes(Text("routes.yaml", text.encode()), WIRING)
    assert caught.value.line == line
    assert reason in str(caught.value)


def test_names_that_routes_lead_to_must_be_there() -> None:
    text = Text("routes.yaml", GOOD)
    routes = read_routes(text, WIRING)
    check_names(text, routes, {"fast", "large"})
    with pytest.raises(
        DocumentError, match=r"`fast` has no targets here.* a new one is added as a card in models/, or as a route"
    ):
        check_names(text, routes, {"large"})
    lost = Text("routes.yaml", b"routes:\n  fast:\n    fallbacks: {any: [larg]}\n")
    with pytest.raises(DocumentError, match="no model `larg` is known here; did you mean `large`"):
        check_names(lost, read_routes(lost, WIRING), {"fast", "large"})
