"""A prompt's part of a request, and how much of it a client's protocol has words for."""

import msgspec

from gateway.core.conversation import ChatRequest, Message, Text
from gateway.core.faults import BadRequest
from gateway.dialects.features import FEATURES, features
from gateway.dialects.fitting import Abilities, fit
from gateway.dialects.protocols import UPSTREAMS

# Whether an answer begins as given is known when the conversation is whole. Chat completions have no word for top_k,
# most engines that speak them do; and a budget of thoughts is said by the nearest word.
_BESIDES = frozenset({"prefill"})
_IN_CHAT = frozenset({"prefill", "top_k", "thinking_budget", "reasoning_summary"})


class Owned(msgspec.Struct, frozen=True):
    """A prompt's part of a request.

    Attributes:
        request: what it sets, with its messages before the caller's own; `after`: those that stand after them.
        overridable: the words of what callers may say otherwise; `*` for all.
        prompt: its name, for messages.
    """

    request: ChatRequest
    after: tuple[Message, ...]
    overridable: frozenset[str]
    prompt: str


def fitted(protocol: str, owned: Owned) -> tuple[Owned, list[str]]:
    """The prompt as the protocol can say it, and what was left out: settings without which an answer is no other one.

    Raises:
        BadRequest: it needs what the protocol has no place for.
    """
    google = protocol in ("generate", "generate-array")
    abilities = UPSTREAMS["generate" if google else protocol].abilities
    can = abilities.supports | (_IN_CHAT if protocol == "chat" else _BESIDES)
    request, drops = owned.request, abilities.drops
    whole = msgspec.structs.replace(request, messages=(*request.messages, *owned.after))
    lacking = [feature for feature, _ in features(whole) if feature not in can]
    for feature in lacking:
        if feature not in drops:
            raise _unsayable(owned, FEATURES[feature])
    instructions = (one for one in whole.messages if one.role == "system")
    if google and not all(isinstance(part, Text) for one in instructions for part in one.parts):
        raise _unsayable(owned, "images or files in its instructions")
    if not lacking:
        return owned, []
    less, dropped = fit(request, Abilities(can, drops))
    return msgspec.structs.replace(owned, request=less), [f"prompt.{name}" for name in dropped]


def _unsayable(owned: Owned, what: str) -> BadRequest:
    return BadRequest(
        f"the prompt `{owned.prompt}` needs {what}, which this API has no place for; use it by another one",
        code="unsupported_parameter",
        param="prompt",
    )
