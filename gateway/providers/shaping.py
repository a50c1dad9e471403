"""Bodies and base URLs as a provider's row wants them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.dialects.bedrock.invoke import beta_names
from gateway.dialects.responses.history import input_items, own_items
from gateway.providers.options import ProviderOptions
from gateway.providers.profiles import Path, Profile

BETAS = b"anthropic-beta"
_encode = msgspec.json.Encoder().encode


def passed_body(call: Call, path: Path, changes: Mapping[str, object], without: tuple[str, ...] = ()) -> bytes:
    """The client's body, for an upstream of its protocol: only what must differ does."""
    if not path.without and not path.adds:
        return call.fields.encode(changes, without)
    changed: dict[str, object] = {**changes, **path.adds}
    if path.betas and (names := beta_names([call.headers.get(BETAS, b"").decode("latin-1")])):
        changed["anthropic_beta"] = names
    return call.fields.encode(changed, (*without, *path.without))


def refuse_steering(call: Call, profile: Profile) -> None:
    """What was judged is what is asked: an upstream that would take another model from the body is not told of it.

    Raises:
        BadRequest: the body names further models.
    """
    for name in profile.steering:
        if call.fields.get(name) is not None:
            raise BadRequest(
                f"`{name}` could take the call to another model than `{call.model}`; leave it out",
                code="unsupported_parameter",
                param=name,
            )


def refuse_empty(call: Call, profile: Profile) -> None:
    """What every judge of requests refuses is refused for an engine that is none. Nothing is decoded that holds
    anything.

    Raises:
        BadRequest: a list that must hold something is empty.
    """
    for name in profile.not_empty:
        if not call.fields.mentions(name, (b"{",)) and call.fields.get(name) == []:
            raise BadRequest(f"`{name}` must hold at least one {name.removesuffix('s')}", param=name)


def translated_body(body: Mapping[str, Any], path: Path) -> bytes:
    """A body of our own making."""
    return _encode({**{name: value for name, value in body.items() if name not in path.without}, **path.adds})


def base_url(profile: Profile, options: ProviderOptions) -> str:
    """The provider's base URL; a placeholder that its options do not fill stays in it. Google's `global` location has
    no part in the host's name."""
    if options.base_url:
        return options.base_url
    found = profile.base_url
    if options.location == "global":
        found = found.replace("{location}-", "")
    for name in ("region", "location", "project"):
        value: str = getattr(options, name)
        if value:
            found = found.replace(f"{{{name}}}", value)
    return found


def recalled_input(call: Call, *, own: bool = False) -> dict[str, object]:
    """The whole conversation as input, for an upstream that does not know its earlier part; with `own`, without what
    only translation could tell it. A prompt begins it."""
    if call.recalled is None:
        return {}
    earlier = own_items(call.recalled.items) if own else call.recalled.items
    items = input_items(call.fields.get("input"))
    opening = 0 if call.templated is None else call.templated.opening
    return {"input": [*items[:opening], *earlier, *items[opening:]]}
