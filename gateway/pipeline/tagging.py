"""Whose work a call is, besides its key's team: the end user, the agent's run, and tags for reports.

Only what config.yaml lists is noted, and only so much of it: tags become lines of reports, and a client must not be
able to fill a ledger with words of its own.
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from gateway.core.call import Call
from gateway.core.principal import Principal

MAX_WORD = 256
_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key", "api-key"}
)
# Callers known by a token: who they are is the user, where the request names none.
_OF_TOKENS = "user_"
# The fields that are looked at; most requests have none of them.
_NOTED = frozenset({"metadata", "safety_identifier", "user"})
_canonical = msgspec.json.Encoder(order="sorted").encode


class TagOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is noted as tags: `labels` of the key, request `headers` (header: tag), members of the body's `metadata`.
    The key's label counts before the header, and that before the body: what was issued is not overruled by what is
    said."""

    labels: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    metadata: tuple[str, ...] = ()


class NotingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    users: whether the end user is noted that a request names (`safety_identifier`, `user`, Anthropic's
        `metadata.user_id`) or a token stands for. It is personal: the ledger keeps it apart and can forget it.
    run_header, agent_header: request headers that name an agent's run and the agent; empty: none does.
    """

    users: bool = True
    run_header: str = "x-run-id"
    agent_header: str = "x-agent-id"
    tags: TagOptions = TagOptions()

    def __post_init__(self) -> None:
        for name in (self.run_header, self.agent_header, *self.tags.headers):
            if name.strip().lower() in _SECRET_HEADERS:
                raise ValueError(f"the header `{name}` holds a credential, which no record may hold")


def unnoted_words(options: NotingOptions) -> Mapping[str, str]:
    """What limits could look at and calls never have, with what to write in config.yaml for it."""
    wanted = {
        "user": (options.users, "users: true"),
        "run": (options.run_header, "run_header: x-run-id"),
        "agent": (options.agent_header, "agent_header: x-agent-id"),
    }
    return {word: f"metering: {{noted: {{{text}}}}}" for word, (noted, text) in wanted.items() if not noted}


def tagging(options: NotingOptions) -> Callable[[Call], None]:
    """What notes it, on a call whose body has been read."""
    tags = options.tags
    headers = tuple((name.lower().encode(), tag) for name, tag in tags.headers.items())
    run, agent = options.run_header.lower().encode(), options.agent_header.lower().encode()
    tagged = bool(tags.labels or headers or tags.metadata)

    def note(call: Call) -> None:
        record, get = call.record, call.headers.get
        if run and (said := get(run)):
            record.run_id = _word(said)
        if agent and (said := get(agent)):
            record.agent = _word(said)
        members: Mapping[str, object] = {}
        if call.fields.among(_NOTED):
            metadata = call.fields.get("metadata")
            members = cast(dict[str, object], metadata) if isinstance(metadata, dict) else members
            if options.users:
                record.user = _user(call, members)
        elif options.users:
            record.user = person_behind(call.caller)
        if not tagged:
            return
        found = {name: value for name in tags.metadata if (value := _text(members.get(name)))}
        found |= {tag: _word(said) for name, tag in headers if (said := get(name))}
        labels = call.caller.labels
        found |= {name: labels[name] for name in tags.labels if name in labels}
        if found:
            record.tags = _canonical(found).decode()

    return note


def _user(call: Call, metadata: Mapping[str, object]) -> str:
    get = call.fields.get
    named = _text(get("safety_identifier")) or _text(get("user")) or _text(metadata.get("user_id"))
    return named or person_behind(call.caller)


def person_behind(caller: Principal) -> str:
    """Who a token stands for; empty for a key, which is nobody's in person."""
    return caller.owner[:MAX_WORD] if caller.key_id.startswith(_OF_TOKENS) else ""


def _text(value: object) -> str:
    return value[:MAX_WORD] if isinstance(value, str) else ""


def _word(value: bytes) -> str:
    return value[:MAX_WORD].decode("latin-1")
