"""Which calls a limit is for, and what has a counter of its own."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.core.globs import compile_globs
from gateway.core.principal import Principal
from gateway.limits.document import Match

CLAIM = "claim:"
# What a call must have for a limit per this to be about it at all. A call without a user, or without a claim, counts
# with all others without one: leaving it out must not be a way around a limit.
_NEEDED = frozenset({"model_group", "prompt", "agent", "run"})
MAX_VALUE = 128


class Asked(msgspec.Struct, frozen=True):
    """What limits look at of a call, besides its caller and its model. Empty: it has none."""

    user: str = ""
    prompt: str = ""
    agent: str = ""
    run: str = ""


NOTHING_ASKED = Asked()
Scope = tuple[tuple[str, str], ...]
_VALUES: Mapping[str, Callable[[Principal, str, Asked], str]] = {
    "tenant": lambda caller, model, asked: caller.tenant,  # noqa: ARG005
    # A team's name means something within its tenant only.
    "team": lambda caller, model, asked: f"{caller.tenant}/{caller.team}",  # noqa: ARG005
    "key": lambda caller, model, asked: caller.key_id,  # noqa: ARG005
    "user": lambda caller, model, asked: asked.user,  # noqa: ARG005
    "model": lambda caller, model, asked: model,  # noqa: ARG005
    "model_group": lambda caller, model, asked: "",  # noqa: ARG005  there may be several: see `scopes`
    "prompt": lambda caller, model, asked: asked.prompt,  # noqa: ARG005
    "agent": lambda caller, model, asked: asked.agent,  # noqa: ARG005
    "run": lambda caller, model, asked: asked.run,  # noqa: ARG005
}
WORDS: tuple[str, ...] = tuple(_VALUES)
OF_A_TENANT = frozenset({"tenant", "team", "key"})
ASKED = frozenset(Asked.__struct_fields__)


def value_of(word: str, caller: Principal, model: str, asked: Asked) -> str:
    """What the call has for a word of `per`."""
    if word.startswith(CLAIM):
        return ",".join(sorted(caller.claims.get(word.removeprefix(CLAIM), ())))
    return _VALUES[word](caller, model, asked)


def scopes(per: Sequence[str], caller: Principal, model: str, asked: Asked, groups: Sequence[str]) -> Sequence[Scope]:
    """What has a counter to itself that this call counts in: one, or one for each group that the model is in; none
    where the call has nothing of what the limit is per."""
    plain = tuple((word, value_of(word, caller, model, asked)) for word in per)
    if any(word in _NEEDED and not value for word, value in plain if word != "model_group"):
        return ()
    if "model_group" not in per:
        return (plain,)
    return [tuple((word, group if word == "model_group" else value) for word, value in plain) for group in groups]


def counter_key(limit_id: str, figure: str, scope: Scope) -> str:
    """The counter's name: no value, whoever chose it, can make it look like another's."""
    return "|".join([limit_id, figure, *(_escaped(value) for _, value in scope)])


def _escaped(value: str) -> str:
    if len(value) > MAX_VALUE:
        return "%" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    for character in "%|{}":
        if character in value:
            value = value.replace(character, f"%{ord(character):02X}")
    return value


def matcher(match: Match) -> Callable[[Principal, str, Asked, Sequence[str]], bool]:
    """A test whether a limit is for a call: of its caller, its model's name, what it asks and the model's groups."""

    def test(globs: tuple[str, ...] | None) -> Callable[[str], bool]:
        return compile_globs(("*",) if globs is None else globs)

    tenants, teams, keys, models = test(match.tenants), test(match.teams), test(match.keys), test(match.models)
    users, prompts, agents = test(match.users), test(match.prompts), test(match.agents)
    labels = [(name, compile_globs((glob,))) for name, glob in (match.labels or {}).items()]
    claims = [(name, compile_globs((glob,))) for name, glob in (match.claims or {}).items()]
    wanted = None if match.model_groups is None else frozenset(match.model_groups)

    def matches(caller: Principal, model: str, asked: Asked, groups: Sequence[str]) -> bool:
        return (
            tenants(caller.tenant)
            and teams(caller.team)
            and keys(caller.key_id)
            and models(model)
            and (wanted is None or not wanted.isdisjoint(groups))
            and users(asked.user)
            and prompts(asked.prompt)
            and agents(asked.agent)
            and all(name in caller.labels and fits(caller.labels[name]) for name, fits in labels)
            and all(any(map(fits, caller.claims.get(name, ()))) for name, fits in claims)
        )

    return matches
