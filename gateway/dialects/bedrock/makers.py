"""Whose model a name means, and what differs between makers: a row each.

Sources: Bedrock User Guide, "Supported foundation models" (names), "Prompt caching" (which models, which fields),
"Anthropic Claude Messages API"; Amazon Nova User Guide, "Complete request schema" (topK), "Extended thinking".
"""

import re
from typing import Literal

import msgspec

from gateway.dialects.fitting import Quirks


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    thinking: whose words it takes under `additionalModelRequestFields`; empty if it takes none.
    top_k: where it goes there; empty if there is no place for it.
    caches: which marks it takes: on `all` of a request, on the `prompt` only (no tools, 5 minutes), or none.
    """

    name: str
    thinking: Literal["claude", "nova", "openai", ""] = ""
    top_k: tuple[str, ...] = ()
    caches: Literal["all", "prompt", ""] = ""


CLAUDE = Maker(name="anthropic.claude", thinking="claude", top_k=("top_k",), caches="all")
NOVA = Maker(name="amazon.nova", thinking="nova", top_k=("inferenceConfig", "topK"), caches="prompt")
_MAKERS = (
    CLAUDE,
    Maker(name="amazon.nova-premier", top_k=NOVA.top_k, caches="prompt"),
    Maker(name="amazon.nova-pro", top_k=NOVA.top_k, caches="prompt"),
    Maker(name="amazon.nova-lite", top_k=NOVA.top_k, caches="prompt"),
    Maker(name="amazon.nova-micro", top_k=NOVA.top_k, caches="prompt"),
    NOVA,
    Maker(name="openai.", thinking="openai"),
)
OTHER = Maker(name="")
_MAKER = re.compile(r"(?:^|[./])([a-z0-9-]+\.[a-z0-9-]+)", re.ASCII)


def maker_of(model: str, quirks: Quirks) -> Maker:
    """The row for a model id, an inference profile (`eu.anthropic.claude-…`) or an ARN of either.

    An ARN of a profile, a provisioned or an imported model does not say whose it is: then how thinking is said does.
    """
    name = model.rpartition("/")[2]
    for maker in _MAKERS:
        if name.startswith(maker.name) or f".{maker.name}" in name:
            return maker
    if _MAKER.match(name):
        return OTHER
    return {"budget": CLAUDE, "adaptive": CLAUDE, "level": NOVA}.get(quirks.thinking, OTHER)
