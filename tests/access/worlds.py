"""Random policies, callers and models, and what a policy means as slowly as it reads."""

import fnmatch
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from gateway.access.conditions import Compiler
from gateway.access.entries import entry
from gateway.access.policy import AccessPolicy
from gateway.access.rules import PolicyException, Rule
from gateway.core.model import Attributes, Life, Model, Obligations
from gateway.core.principal import Principal
from gateway.core.target import Target

CLASSES = ("public", "internal", "confidential")
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()
MOMENTS = st.sampled_from([NOW - 86_400, NOW, NOW + 43_199.5, NOW + 43_200, NOW + 86_400, NOW + 3 * 86_400])

NAMES = st.sampled_from(["a", "b", "ab", "gpt-4o", "gpt-4o-mini"])
GLOBS = st.lists(
    st.one_of(NAMES, st.sampled_from(["*", "a*", "*b", "?", "gpt-*", "g?t-4o", ""])), min_size=1, max_size=2
).map(tuple)
CONDITIONS = {
    "": lambda who, model, asked, operation: True,
    "request.max_output_tokens > 100": lambda who, model, asked, operation: asked.max_output_tokens > 100,
    "request.tools && subject.team == 'a'": lambda who, model, asked, operation: asked.tools and who.team == "a",
    "model.retention_days > 30": lambda who, model, asked, operation: (
        model.retention_days is None or model.retention_days > 30
    ),
    "subject.labels['env'] == 'prod'": lambda who, model, asked, operation: who.labels["env"] == "prod",
    "request.data_level >= 1 && !request.stream": lambda who, model, asked, operation: (
        CLASSES.index(asked.data_class) >= 1 and not asked.stream
    ),
}


def some(*words: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=2, unique=True).map(tuple)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "tenants": GLOBS,
    "teams": GLOBS,
    "models": GLOBS,
    "providers": GLOBS,
    "publishers": GLOBS,
    "regions": some("eu-west", "us", "eu-*", "*"),
    "environments": some("prod", "dev", "*"),
    "labels": st.dictionaries(st.just("env"), st.sampled_from(["dev", "*", "pr?d"]), min_size=1),
    "claims": st.dictionaries(st.just("groups"), some("x", "y*"), min_size=1),
    "data_classes": some(*CLASSES),
    "hosting": some("hosted", "self-served"),
    "licence_classes": some("open", "non-commercial"),
    "risks": some("low", "high"),
    "statuses": some("approved", "deprecated"),
    "trains_on_inputs": st.booleans(),
    "operations": some("chat", "embeddings", "tools"),
    "when": st.sampled_from([text for text in CONDITIONS if text]),
}


@st.composite
def conditions(draw: st.DrawFn, most: int = 3) -> dict[str, Any]:
    """A few conditions: a rule of many would match nothing that is drawn here."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=most, unique=True))
    return {name: draw(FIELDS[name]) for name in names}


OBLIGATIONS = st.builds(
    Obligations,
    max_output_tokens=st.sampled_from([None, None, 10, 20]),
    regions=st.sampled_from([None, None, ("eu-*",), ("us",)]),
    forbid_tools=st.sampled_from([False, False, True]),
)


@st.composite
def policies(draw: st.DrawFn) -> tuple[tuple[Rule, ...], tuple[PolicyException, ...]]:
    rules: list[Rule] = []
    for number in range(draw(st.integers(0, 6))):
        effect = draw(st.sampled_from(["allow", "allow", "deny"]))
        since, until = draw(
            st.sampled_from([(None, None), (None, None), (DAYS[0], DAYS[1]), (DAYS[1], None), (None, DAYS[0])])
        )
        rules.append(
            Rule(id=f"r{draw(st.integers(0, 9))}{number}", effect=effect, owner="o", reason="r", from_=since, until=until,
                 mode=draw(st.sampled_from(["enforce", "enforce", "audit"])),
                 obligations=draw(OBLIGATIONS) if effect == "allow" else Obligations(), **draw(conditions()))
        )  # fmt: skip
    denies = [rule.id for rule in rules if rule.effect == "deny"]
    exceptions = [
        PolicyException(
            id=f"x{number}", owner="o", approver="p", reason="r", from_=DAYS[0], until=draw(st.sampled_from(DAYS[:3])),
            lifts=tuple(draw(st.lists(st.sampled_from(denies), unique=True))) if denies else (),
            obligations=draw(OBLIGATIONS), **draw(conditions(1)),
        )
        for number in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    return tuple(rules), tuple(exceptions)


CALLERS = st.builds(
    Principal,
    key_id=st.just("k"), tenant=NAMES, team=NAMES, labels=st.sampled_from([{}, {"env": "dev"}, {"env": "prod"}]),
    claims=st.sampled_from([{}, {"groups": ("x",)}, {"groups": ("z", "yes")}]),
)  # fmt: skip
LIVES = st.sampled_from([
    Life(approved_from=0), Life(approved_from=0), Life(approved_from=0, approved_until=NOW + 43_200),
    Life(approved_from=0, deprecated_from=0, sunset=NOW + 86_400), Life(), Life(approved_from=0, revoked_from=NOW),
])  # fmt: skip


@st.composite
def models(draw: st.DrawFn, name: str = "") -> Model:
    name = name or draw(NAMES)
    provider = draw(NAMES)
    return Model(
        name=name, target=Target(provider, name), place=f"{provider}/{name}", aliases=draw(st.sampled_from([(), ("ab",)])),
        publisher=draw(st.sampled_from(["", "a", "b"])), hosting=draw(st.sampled_from(["hosted", "self-served"])),
        region=draw(st.sampled_from(["", "eu-west", "us"])), licence_class=draw(st.sampled_from([None, "open", "non-commercial"])),
        risk=draw(st.sampled_from([None, "low", "high"])), retention_days=draw(st.sampled_from([None, 0, 90])),
        trains_on_inputs=draw(st.sampled_from([None, True, False])), life=draw(LIVES),
        unfit=draw(st.sampled_from(["", "", "", "altered"])),
    )  # fmt: skip


ASKED = st.builds(
    Attributes,
    data_class=st.sampled_from(CLASSES), stream=st.booleans(), max_output_tokens=st.sampled_from([0, 50, 500]), tools=st.booleans(),
)  # fmt: skip


def compiled(rules: tuple[Rule, ...], exceptions: tuple[PolicyException, ...], *of: Model) -> AccessPolicy:
    compiler = Compiler()
    entries = [entry(one, compiler.compile(one.when) if one.when else None) for one in (*rules, *exceptions)]
    instants = [at for model in of for at in model.life.instants()]
    return AccessPolicy(entries, "v", data_classes=CLASSES, instants=instants)


def in_force(one: Any, now: float) -> bool:
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    return (one.from_ is None or one.from_ <= day) and (one.until is None or day <= one.until)


def fits(globs: Any, *words: str) -> bool:
    return globs is None or any(fnmatch.fnmatchcase(word, glob) for glob in globs for word in words)


def known(one: Any, globs: Any, word: str | None) -> bool:
    """What a card does not tell makes a deny match."""
    deny = isinstance(one, Rule) and one.effect == "deny"
    return True if globs is not None and not word and deny else fits(globs, word or "")


def matches(one: Any, who: Principal, model: Model, status: str, operation: str, asked: Attributes, now: float) -> bool:
    if not (
        in_force(one, now)
        and fits(one.tenants, who.tenant) and fits(one.teams, who.team)
        and fits(one.environments, who.labels.get("env", ""))
        and all(name in who.labels and fits((glob,), who.labels[name]) for name, glob in (one.labels or {}).items())
        and all(fits(globs, *who.claims.get(name, ())) and name in who.claims for name, globs in (one.claims or {}).items())
        and fits(one.data_classes, asked.data_class) and fits(one.operations, operation)
        and fits(one.models, model.name, *model.aliases) and fits(one.providers, model.target.provider)
        and fits(one.hosting, model.hosting) and fits(one.statuses, status)
        and known(one, one.publishers, model.publisher) and known(one, one.regions, model.region)
        and known(one, one.licence_classes, model.licence_class) and known(one, one.risks, model.risk)
        and (one.trains_on_inputs is None or one.trains_on_inputs == (model.trains_on_inputs is not False))
    ):  # fmt: skip
        return False
    try:
        return CONDITIONS[one.when](who, model, asked, operation)
    except KeyError:  # a label that is not there
        return isinstance(one, Rule) and one.effect == "deny"


class Meaning(msgspec.Struct, frozen=True):
    """What a policy comes to. `cap`: the lowest of the obligations'."""

    allowed: bool
    would_deny: frozenset[str] = frozenset()
    cap: int | None = None


def meaning(
    rules: tuple[Rule, ...], exceptions: tuple[PolicyException, ...], who: Principal, model: Model, operation: str,
    asked: Attributes, now: float,
) -> Meaning:  # fmt: skip
    """A policy, word by word."""
    life = model.life
    revoked = life.revoked_from is not None and life.revoked_from <= now
    sunset = life.sunset is not None and life.sunset <= now
    expired = life.approved_until is not None and life.approved_until <= now
    if model.unfit or life.approved_from is None or revoked or sunset or expired:
        return Meaning(False)
    status = "deprecated" if life.deprecated_from is not None else "approved"

    matched = [one for one in rules if matches(one, who, model, status, operation, asked, now)]
    granted = [one for one in exceptions if matches(one, who, model, status, operation, asked, now)]
    lifted = {rule for one in granted for rule in one.lifts}
    denies = [one for one in matched if one.effect == "deny" and one.id not in lifted]
    if any(one.mode == "enforce" for one in denies):
        return Meaning(False)
    allowers: list[Any] = [one for one in matched if one.effect == "allow" and one.mode == "enforce"]
    allowers += granted
    if not allowers:
        return Meaning(False)
    for one in allowers:
        regions = one.obligations.regions
        if regions is not None and (not model.region or not fits(regions, model.region)):
            return Meaning(False)
    if asked.tools and any(one.obligations.forbid_tools for one in allowers):
        return Meaning(False)
    caps = [one.obligations.max_output_tokens for one in allowers if one.obligations.max_output_tokens is not None]
    return Meaning(True, frozenset(one.id for one in denies), min(caps, default=None))
