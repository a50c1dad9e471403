"""The shape of policies/guardrails.yaml."""

from typing import Annotated, Any, Literal

import msgspec

from gateway.guard.outside.classifiers import Classifier
from gateway.guard.words import Action, Side

Mode = Literal["enforce", "audit"]


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which calls a guard is for: patterns. What is left out matches everything.

    Attributes:
        labels: of the caller's key, or mapped from a token: label → pattern; all must match.
        models: names of cards; one that the call may go to is enough. routes: the name that the caller asks for.
        operations: chat, completions, responses, messages, embeddings …
        data_classes: the classification of what is sent (tenants.yaml names them).
    """

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    models: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None
    data_classes: tuple[str, ...] | None = None


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is asked over the network: a service or a model, one of them.

    Attributes:
        service: a name of `guard_services` in config.yaml.
        model: a classifier behind the gateway, `provider/model`; its cost goes to the guard's account,
            `gateway:judges/ID`.
        classifier: which one it is.
        threshold: the least score that counts, of a service that gives scores.
        timeout_ms: so long is waited.
        on_failure: what a call meets whose texts nobody could judge: `closed` refuses it, `open` lets it pass.
    """

    service: str = ""
    model: str = ""
    classifier: Classifier = "llama_guard"
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 2_000
    on_failure: Literal["open", "closed"] = "closed"


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One guard: what it looks for, where, and what it does about it.

    Attributes:
        on: what is sent, what is answered, or both.
        detect: detectors: a word, or `{word: options}`. ask: a judge over the network. One of the two is needed.
        action: `annotate` tells of it in a header and in the record, `redact` puts a token in its place, `block`
            refuses the call.
        mode: `audit` changes nothing, and records what it would have done.
        match: the calls it is for.
        only_when_obliged: only for calls that a rule's `obligations: {guards: [id]}` sends to it. Those it looks at
            whatever `match` says.
        restore: whether the caller sees in the answer what was redacted of his request; secrets he never does. Left
            out: yes.
        hold: an answer is held back until all of it has been looked at. Only what judges a text as a whole needs it.
        advice: told to who is refused: what to do instead.
    """

    id: str
    on: tuple[Side, ...]
    detect: tuple[str | dict[str, Any], ...] = ()
    ask: Ask | None = None
    action: Action
    mode: Mode = "enforce"
    match: Match = Match()
    only_when_obliged: bool = False
    restore: bool | None = None
    hold: bool = False
    advice: Annotated[str, msgspec.Meta(max_length=500)] = ""


class GuardsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The guards there are. All that match a call look at it; the strongest of their actions counts."""

    guards: tuple[Guard, ...] = ()
