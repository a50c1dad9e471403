"""guardrails.yaml: what it says, whom its guards are for, and what is wrong with a file."""

import re

import pytest

from gateway.core.principal import Principal
from gateway.guard.loading import read_guardrails
from gateway.guard.rules import Asked, GuardPolicy
from gateway.stores.documents import DocumentError, Text
from tests.guard.doubles import DOUBLES

KNOWN = {"tenants": ["acme"], "teams": ["web"], "operations": ["chat"], "data_classes": ["secret"]}
JANE = Principal(key_id="k1", tenant="acme", team="web", labels={"env": "prod"})
ASKED = Asked(route="fast", operation="chat", data_class="secret", models=("small", "big"))


def read(text: str) -> GuardPolicy:
    return read_guardrails(Text("guardrails.yaml", f"guards:\n{text}".encode()), KNOWN, DOUBLES)


def one(rest: str) -> GuardPolicy:
    return read(f"  - {{id: a, on: [input], detect: [addresses], action: redact, {rest}}}\n")


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ("tenants: [acme]", True), ("tenants: ['b*']", False), ("teams: ['w*']", True), ("keys: [k1]", True), ("keys: [k2]", False),
        ("labels: {env: 'p*'}", True), ("labels: {env: dev}", False), ("labels: {none: '*'}", False),
        ("models: [big]", True), ("models: [other]", False), ("routes: [fast]", True), ("routes: [small]", False),
        ("operations: [chat]", True), ("operations: ['e*']", False), ("data_classes: [secret]", True), ("data_classes: ['p*']", False),
        ("models: [big], operations: ['e*']", False),
    ],
)  # fmt: skip
def test_a_guard_looks_at_the_calls_that_it_matches(match: str, applies: bool) -> None:
    policy = one(f"match: {{{match}}}")
    for _ in range(2):  # the second time it is remembered
        assert bool(policy.applied(JANE, ASKED).input) == applies


def test_a_guard_for_obliged_calls_looks_at_those_and_no_others_whatever_it_matches() -> None:
    policy = one("only_when_obliged: true, match: {routes: [elsewhere]}")
    assert policy.applied(JANE, ASKED).ids == frozenset()
    obliged = Asked("fast", "chat", "secret", ("big",), frozenset({"a"}))
    assert policy.applied(JANE, obliged).ids == {"a"}


def test_a_side_has_its_own_guards() -> None:
    policy = read(
        "  - {id: a, on: [input], detect: [addresses], action: redact}\n"
        "  - {id: b, on: [output, input], detect: [secrets, {shouting: {least: 3}}], action: block, hold: true}\n"
    )
    applied = policy.applied(JANE, ASKED)
    assert [rule.id for rule in applied.input] == ["a", "b"]
    (both,) = applied.output
    assert ([d.name for d in both.quick], [d.name for d in both.whole]) == (["secrets"], ["shouting"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  - {id: a, on: [input], detect: [adresses], action: block}", "2: `adresses` is not a detector; did you mean `addresses`?"),
        ("  - id: a\n    on: [input]\n    action: block\n    detect:\n      - shouting: {least: 1}\n      - shouting: {leest: 1}", "7: unknown key `leest`; did you mean `least`?"),
        ("  - id: a\n    on: [input]\n    action: block\n    detect:\n      - shouting: {least: many}", "6: guards.0.detect.0.shouting.least: expected a whole number, got a text"),
        ("  - {id: a, on: [input], detect: [{addresses: {}, secrets: {}}], action: block}", "one detector each"),
        ("  - {id: a, on: [input], detect: [], action: block}", "an empty `detect`"),
        ("  - {id: a, on: [], detect: [secrets], action: block}", "an empty `on`"),
        ("  - {id: a, on: [input, input], detect: [secrets], action: block}", "`input` stands twice"),
        ("  - {id: a, on: [input], detect: [secrets], action: remove}", "`remove` is not a word for this; known: annotate, redact, block"),
        ("  - {id: a, on: [input], detect: [secrets], action: block}\n  - {id: a, on: [input], detect: [secrets], action: block}", "3: the guard id `a` stands twice; each"),
        ("  - {id: 'a;b', on: [input], detect: [secrets], action: block}", "has `;` in it; a plain word"),
        ("  - {id: a, on: [input], detect: [secrets], action: block, match: {tenants: []}}", "matches nothing"),
        ("  - {id: a, on: [input], detect: [secrets], action: block, match: {tenants: [acne]}}", "did you mean `acme`?"),
        ("  - {id: a, on: [input], detect: [secrets], action: block, match: {operations: [chad]}}", "did you mean `chat`?"),
        ("  - {id: a, on: [input], detect: [secrets], action: block, restore: false}", "`restore` is for guards that redact"),
        ("  - {id: a, on: [output], detect: [secrets], action: block, hold: true}", "`hold` is for detectors that judge"),
        ("  - {id: a, on: [input], detect: [shouting], action: block, hold: true}", "`hold` is for guards that look at answers"),
        ("  - {id: a, on: [input], detect: [secrets], action: redact, advice: ask}", "`advice` is for guards that block"),
        ("  - {id: a, on: [input], detect: [secrets], action: block, mod: audit}", "unknown key `mod`; did you mean `mode`?"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(text: str, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read(text)
    assert says in str(refused.value)
    assert str(refused.value).startswith("guardrails.yaml:")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ask: {}", "ask either a `service` or a `model`"),
        ("ask: {service: a, model: b/c}", "ask either a `service` or a `model`"),
        (
            "ask: {service: moderashun}",
            "`moderashun` is none of config.yaml's guard_services; did you mean `moderation`?",
        ),
        ("ask: {model: lokal/guard}", "`lokal` is none of config.yaml's providers; did you mean `local`?"),
        ("ask: {model: local}", "a model to ask is `provider/model`"),
        ("ask: {service: moderation, timeout: 3}", "unknown key `timeout`; did you mean `timeout_ms`?"),
        ("detect: [secrets], hold: true", "`hold` is for"),
    ],
)
def test_a_guard_asks_who_is_there(text: str, says: str) -> None:
    known = {"services": ["moderation"], "providers": ["local"]}
    file = Text("guardrails.yaml", f"guards:\n  - {{id: a, on: [output], action: block, {text}}}\n".encode())
    with pytest.raises(DocumentError, match=re.escape(says)):
        read_guardrails(file, known, DOUBLES)


def test_who_judges_does_not_say_what_to_take_out() -> None:
    with pytest.raises(DocumentError, match=r":2: whoever is asked judges texts"):
        read("  - {id: a, on: [input], action: redact, ask: {service: s}}\n")
    (asked,) = (
        read("  - {id: a, on: [output], action: block, hold: true, ask: {service: s}}\n").applied(JANE, ASKED).output
    )
    assert asked.late
