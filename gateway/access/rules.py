"""policies/access.yaml: rules, and the decision they make."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from gateway.core.globs import compile_globs
from gateway.core.principal import Principal
from gateway.stores.documents import Known, check_known, load_document
from gateway.stores.files import digest

MAX_REMEMBERED = 50_000


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. A list that is left out matches everything; an empty one would match nothing and is refused.

    Attributes:
        owner, reason: who answers for the rule, and why it is there; both are shown in explanations.
        labels: key label → pattern; all must match. models: patterns of the names callers ask for.
        operations: chat, completions, responses, embeddings, moderations, rerank, images, speech, transcriptions …
    """

    id: str
    effect: Literal["allow", "deny"]
    owner: str
    reason: str
    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    models: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None


class AccessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


class Decision(msgspec.Struct, frozen=True):
    """`rule_id`: the rule that decided, empty if none matched; `remedy`: what would have allowed it, or whom to ask."""

    allowed: bool
    rule_id: str
    reason: str
    code: str = ""
    remedy: str = ""


class Considered(msgspec.Struct, frozen=True):
    """One rule as an explanation shows it; `missed`: the first condition that did not hold, empty if all did."""

    rule_id: str
    effect: str
    matched: bool
    missed: str


Match = Callable[[str], bool]


class _Compiled(msgspec.Struct, frozen=True):
    rule: Rule
    tests: tuple[tuple[str, Match], ...]
    labels: tuple[tuple[str, Match], ...]

    def missed(self, words: Mapping[str, str], labels: Mapping[str, str]) -> str:
        for name, test in self.tests:
            if not test(words[name]):
                return name
        for name, test in self.labels:
            if name not in labels or not test(labels[name]):
                return f"labels.{name}"
        return ""


class AccessPolicy:
    """A frozen set of rules; decisions are remembered, so asking again costs a dictionary lookup."""

    def __init__(self, rules: tuple[Rule, ...], version: str) -> None:
        self.rules = rules
        self.version = version
        self._compiled = tuple(_compile(rule) for rule in rules)
        self._remembered: dict[tuple[str, str, str], Decision] = {}

    def decide(self, principal: Principal, model: str, operation: str) -> Decision:
        """The decision for one call. A key's rights follow from its registration, so its id stands for all of them."""
        question = (principal.key_id, model, operation)
        decision = self._remembered.get(question)
        if decision is None:
            decision = self.judge(principal, model, operation)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = decision
        return decision

    def judge(self, principal: Principal, model: str, operation: str) -> Decision:
        """As `decide`, without remembering: for questions about callers who have no key."""
        words = _words(principal, model, operation)
        allowed: Rule | None = None
        unlabelled: Rule | None = None
        for compiled in self._compiled:
            if missed := compiled.missed(words, principal.labels):
                if missed.startswith("labels.") and compiled.rule.effect == "allow":
                    unlabelled = unlabelled or compiled.rule
                continue
            if compiled.rule.effect == "deny":
                return _denied(compiled.rule, model)
            allowed = allowed or compiled.rule
        if allowed is None:
            return _nothing_allows(principal, model, operation, unlabelled)
        return Decision(True, allowed.id, allowed.reason)

    def explain(self, principal: Principal, model: str, operation: str) -> list[Considered]:
        """Every rule, and why it did or did not match. For operators: it shows other tenants' rules too."""
        words = _words(principal, model, operation)
        considered: list[Considered] = []
        for compiled in self._compiled:
            missed = compiled.missed(words, principal.labels)
            considered.append(Considered(compiled.rule.id, compiled.rule.effect, not missed, missed))
        return considered


def read_access(path: Path, known: Known | None = None) -> AccessPolicy:
    """The rules in the file.

    Args:
        known: the tenants, teams and operations there are.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a list that matches nothing, or a word that
            is not known.
    """
    document = load_document(path, AccessFile)
    seen: set[str] = set()
    for index, rule in enumerate(document.value.rules):
        if not rule.id or rule.id in seen:
            raise document.error(("rules", index, "id"), f"the rule id `{rule.id}` is empty or stands twice")
        seen.add(rule.id)
        for name in ("tenants", "teams", "models", "operations"):
            if getattr(rule, name) == ():
                raise document.error(
                    ("rules", index, name), f"an empty `{name}` matches nothing; leave it out to match everything"
                )
        check_known(document, ("rules", index), rule, known or {})
    return AccessPolicy(document.value.rules, digest(path.read_bytes()))


def _words(principal: Principal, model: str, operation: str) -> dict[str, str]:
    return {"tenants": principal.tenant, "teams": principal.team, "models": model, "operations": operation}


def _compile(rule: Rule) -> _Compiled:
    tests: list[tuple[str, Match]] = []
    for name in ("tenants", "teams", "models", "operations"):
        globs: tuple[str, ...] | None = getattr(rule, name)
        if globs is not None:
            tests.append((name, compile_globs(globs)))
    labels = tuple((name, compile_globs((glob,))) for name, glob in (rule.labels or {}).items())
    return _Compiled(rule, tuple(tests), labels)


def _denied(rule: Rule, model: str) -> Decision:
    return Decision(
        False,
        rule.id,
        f"the model `{model}` is denied by the rule `{rule.id}` ({rule.reason})",
        "model_not_allowed",
        f"ask {rule.owner} for an exception",
    )


def _nothing_allows(principal: Principal, model: str, operation: str, unlabelled: Rule | None) -> Decision:
    """`unlabelled`: a rule of the caller's own that would allow it, if its key had the right labels."""
    remedy = "ask for a rule that allows it in policies/access.yaml"
    if unlabelled is not None:
        labels = ", ".join(f"{name}={glob}" for name, glob in (unlabelled.labels or {}).items())
        remedy = f"use a key with the labels that the rule `{unlabelled.id}` asks for ({labels})"
    return Decision(
        False,
        "",
        f"no rule allows team `{principal.team}` to use the model `{model}` for {operation}",
        "model_not_allowed",
        f"{remedy}; GET /v1/models lists what is allowed now",
    )
