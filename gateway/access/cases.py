"""policies/tests/*.yaml: questions to the policies, with the answers that are expected. Tests are no part of what
decisions are made of: changing one changes no digest, and no signature covers them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from gateway.access.rules import Effect
from gateway.core.days import Moment, begins
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.wording import nearest, why_no_id

Basis = Literal["rule", "exception", "no_rule", "card", "condition", "obligation"]
Code = Literal["model_not_allowed", "tools_not_allowed", "prompt_required", "policy_error", "model_not_found"]
NO_MODEL = "model_not_found"
_ALLOWING = ("rule", "exception")
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Who(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks.

    Attributes:
        tenant, team: as tenants.yaml declares them. labels: of the key; `env` is the environment.
        claims: of the token, as lists of words.
        data_class: what is sent is of this class at least; a lower one than the team's own changes nothing.
        key: what the key is called. For the reader: no rule goes by it.
    """

    tenant: str
    team: str
    labels: dict[str, str] = {}
    claims: dict[str, tuple[str, ...]] = {}
    data_class: str = ""
    key: str = ""


class Asks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked for, as far as rules look at it.

    Attributes:
        max_output_tokens: the most it asks for, 0 if it does not say.
        tools: it brings tools. hosted_tools: the kinds among them that the provider runs (`web_search`).
        prompt: the prompt of the registry that it was made from.
    """

    stream: bool = False
    max_output_tokens: _Tokens = 0
    tools: bool = False
    hosted_tools: tuple[str, ...] = ()
    prompt: str = ""


class Obliged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an allowed call must keep to; what is left out is not compared. `max_output_tokens`: 0 for no cap."""

    max_output_tokens: _Tokens | None = None
    regions: tuple[str, ...] | None = None
    forbid_tools: bool | None = None
    no_content: bool | None = None
    require_prompt: bool | None = None
    guards: tuple[str, ...] | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One test. What is left out of what is expected is not compared.

    Attributes:
        name: what the test is about; no two tests have the same.
        model: a name as callers write it: a card's, an alias, or a route of config.yaml.
        at: when it is asked; a day begins at its midnight (UTC). Left out: now.
        rule: a rule or an exception that decides it; of several that do, any will do.
        basis, code: of the decision, as refusals and explanations show them.
        target: the provider/model that is to serve it, where several could.
        would_deny: all the rules in audit mode that would refuse it.
    """

    name: str
    who: Who
    model: str
    operation: str = "chat"
    request: Asks = Asks()
    at: Moment | None = None
    expect: Effect
    rule: str = ""
    basis: Basis | None = None
    code: Code | None = None
    target: str = ""
    obligations: Obliged | None = None
    would_deny: tuple[str, ...] | None = None


class CasesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tests of the policies; `gateway policy test` runs them."""

    tests: tuple[Case, ...]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The words that a test may use. `teams`: (tenant, team)."""

    teams: Collection[tuple[str, str]] = ()
    data_classes: Sequence[str] = ()
    models: Collection[str] = ()
    targets: Collection[str] = ()
    operations: Collection[str] = ()
    rules: Collection[str] = ()


class Placed(msgspec.Struct, frozen=True):
    """A test, and where it stands."""

    case: Case
    document: Document[CasesFile]
    index: int

    @property
    def file(self) -> str:
        return self.document.file

    @property
    def line(self) -> int:
        return self.document.line(("tests", self.index))


def read_cases(texts: Sequence[Text], names: Names) -> list[Placed]:
    """The tests of these files.

    Raises:
        DocumentError: as every document, and for a name that stands twice, a word that is not known, or expectations
            that no decision could meet.
    """
    found: list[Placed] = []
    seen: dict[str, Placed] = {}
    for text in texts:
        document = load_document(text, CasesFile)
        for index, case in enumerate(document.value.tests):
            placed = Placed(case, document, index)
            first = seen.get(case.name)
            where = f"{first.file}:{first.line}" if first is not None else ""
            if why := why_no_id(case.name, seen, "name", where):
                raise document.error(("tests", index, "name"), why)
            seen[case.name] = placed
            for path, reason in _wrong(case, names):
                raise document.error(("tests", index, *path), reason)
            found.append(placed)
    return found


def _wrong(case: Case, names: Names) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield from _wrong_words(case, names)
    yield from _contradictions(case)
    try:
        _ = case.at and begins(case.at)
    except ValueError as error:
        yield ("at",), str(error)


def _wrong_words(case: Case, names: Names) -> Iterator[tuple[tuple[str | int, ...], str]]:
    who = case.who
    tenants = {tenant for tenant, _ in names.teams}
    if who.tenant not in tenants:
        yield ("who", "tenant"), _unknown("tenant", who.tenant, tenants, "in tenants.yaml")
    elif (who.tenant, who.team) not in names.teams:
        own = {team for tenant, team in names.teams if tenant == who.tenant}
        yield ("who", "team"), _unknown(f"team of `{who.tenant}`", who.team, own, "in tenants.yaml")
    if who.data_class and who.data_class not in names.data_classes:
        yield ("who", "data_class"), _unknown("data class", who.data_class, names.data_classes)
    if case.model not in names.models and case.code != NO_MODEL:
        meant = f"; if none is meant, expect: deny with code: {NO_MODEL}"
        yield ("model",), _unknown("model", case.model, names.models) + meant
    if case.operation not in names.operations:
        yield ("operation",), _unknown("operation", case.operation, names.operations)
    if case.rule and case.rule not in names.rules:
        yield ("rule",), _unknown("rule", case.rule, names.rules)
    if case.target and case.target not in names.targets:
        yield ("target",), _unknown("target", case.target, names.targets)
    for index, rule in enumerate(case.would_deny or ()):
        if rule not in names.rules:
            yield ("would_deny", index), _unknown("rule", rule, names.rules)


def _contradictions(case: Case) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if case.expect == "allow":
        if case.code is not None:
            yield ("code",), "what is allowed has no code"
        if case.basis is not None and case.basis not in _ALLOWING:
            yield ("basis",), f"what is allowed is so by one of {', '.join(_ALLOWING)}"
        return
    for name in ("target", "obligations", "would_deny"):
        value = getattr(case, name)
        if value is not None and value != "":
            yield (name,), f"what is refused has no `{name}`"
    if case.basis == "exception":
        yield ("basis",), "an exception refuses nothing"


def _unknown(kind: str, word: str, known: Collection[str], new: str = "") -> str:
    return f"no {kind} `{word}` is known here{nearest(word, sorted(known), new)}"
