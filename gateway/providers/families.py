"""What single models of a provider cannot do, or want said otherwise: the first row whose globs match a model counts.

Sources: the providers' model pages and their parameter tables. A row takes away from what the protocol can express
(`dialects/*/abilities.py`): `dropped` features are left out by name, `refused` ones answered with 400.
"""

from collections.abc import Mapping

import msgspec

from gateway.core.globs import compile_globs
from gateway.dialects.fitting import Abilities, Quirks

_SAMPLING = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias"})
_REASONING = frozenset({"reasoning_effort", "reasoning_off", "thinking_budget"})
_OPENAI_ONLY = frozenset({"verbosity", "service_tier", "cache_key"})
_OLD_FIELD = Quirks(max_output_field="max_tokens")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    models: globs of the provider's own names.
    searches: web searches that an answer makes and bills without counting them.
    """

    models: tuple[str, ...]
    quirks: Quirks = Quirks()
    dropped: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    searches: int = 0

    def abilities(self, of_protocol: Abilities) -> Abilities:
        return of_protocol.without(self.dropped, self.refused)


PLAIN = Family(models=("*",), quirks=_OLD_FIELD)

_CLAUDE: tuple[Family, ...] = (
    # No budget any more, no sampling parameters, no answer begun by the caller.
    Family(
        models=(
            "*claude-opus-4-7*",
            "*claude-opus-4-8*",
            "*claude-opus-5*",
            "*claude-sonnet-5*",
            "*claude-haiku-5*",
            "*claude-fable-5*",
        ),
        quirks=Quirks(thinking="adaptive", max_output_tokens=16_384),
        dropped=frozenset({"temperature", "top_p", "top_k"}),
        refused=frozenset({"prefill"}),
    ),
    Family(
        models=("*claude-opus-4-6*", "*claude-sonnet-4-6*"),
        quirks=Quirks(thinking="adaptive", max_output_tokens=16_384),
        refused=frozenset({"prefill"}),
    ),
    Family(
        models=("*claude-opus-4-5*", "*claude-sonnet-4-5*", "*claude-haiku-4-5*", "*claude-opus-4-1*"),
        quirks=Quirks(thinking="budget"),
    ),
    # From here down there is no structured output.
    Family(
        models=("*claude-opus-4*", "*claude-sonnet-4*", "*claude-3-7*"),
        quirks=Quirks(thinking="budget"),
        dropped=frozenset({"strict_tools"}),
        refused=frozenset({"json_schema"}),
    ),
    Family(
        models=("*claude-3*", "*claude-2*", "*claude-instant*"),
        quirks=Quirks(max_output_tokens=4_096),
        dropped=_REASONING | {"strict_tools", "reasoning_summary"},
        refused=frozenset({"json_schema"}),
    ),
    Family(models=("*",), quirks=Quirks(thinking="budget")),
)

FAMILIES: Mapping[str, tuple[Family, ...]] = {
    "openai": (
        # Each of their answers searches the web once, asked or not.
        Family(
            models=("*-search-preview*", "*-search-api*"),
            dropped=_SAMPLING | _REASONING | {"verbosity"},
            searches=1,
        ),
        Family(models=("gpt-5-chat*", "gpt-5*-chat-latest", "chatgpt-*"), dropped=_REASONING),
        # Reasoning models take one temperature, and their limit counts thoughts as well.
        Family(
            models=("o1*", "o3*", "o4*", "gpt-5*", "codex-*"),
            quirks=Quirks(system_role="developer", always_thinks=True),
            dropped=_SAMPLING,
            refused=frozenset({"logprobs"}),
        ),
        Family(models=("gpt-oss*",)),
        Family(models=("*",), dropped=_REASONING | {"verbosity"}),
    ),
    "anthropic": _CLAUDE,
    # Whose models they are, `dialects/bedrock/makers.py` tells.
    "bedrock": _CLAUDE[:-1],
    "gemini": (
        Family(models=("gemini-2.5-pro*",), quirks=Quirks(thinking="budget"), dropped=frozenset({"reasoning_off"})),
        Family(models=("gemini-2.5*",), quirks=Quirks(thinking="budget")),
        Family(models=("gemini-2.0*", "gemini-1*", "gemma*"), dropped=_REASONING | {"reasoning_summary"}),
        Family(models=("*",), quirks=Quirks(thinking="level")),
    ),
    "mistral_ai": (
        Family(
            models=("*",),
            quirks=_OLD_FIELD,
            dropped=_OPENAI_ONLY | _REASONING | {"logit_bias", "user", "message_names", "seed"},
            refused=frozenset({"logprobs", "file_inline"}),
        ),
    ),
    "deepseek": (
        Family(
            models=("*",),
            quirks=Quirks(max_output_field="max_tokens", thinking_field="reasoning_content"),
            dropped=_OPENAI_ONLY | {"seed", "logit_bias", "user", "strict_tools", "no_parallel_tool_calls"},
            refused=frozenset({"n", "json_schema", "image_inline", "image_url", "file_inline", "audio_inline"}),
        ),
    ),
    "groq": (
        Family(
            models=("*",),
            dropped=frozenset({"verbosity", "cache_key", "logit_bias", "frequency_penalty", "presence_penalty"}),
            refused=frozenset({"n", "logprobs", "file_inline", "audio_inline"}),
        ),
    ),
    "cerebras": (
        Family(
            models=("*",),
            dropped=_OPENAI_ONLY | {"frequency_penalty", "presence_penalty"},
            refused=frozenset({"n", "image_inline", "image_url", "file_inline", "audio_inline"}),
        ),
    ),
    "perplexity": (
        Family(
            models=("*",),
            quirks=_OLD_FIELD,
            dropped=_OPENAI_ONLY | _REASONING | {"seed", "logit_bias", "user", "message_names"},
            refused=frozenset({"n", "stop", "logprobs", "tools", "audio_inline"}),
        ),
    ),
    "x_ai": (
        Family(
            models=("grok-4*", "grok-3-mini*"),
            dropped=_OPENAI_ONLY | {"frequency_penalty", "presence_penalty", "stop", "reasoning_off"},
            refused=frozenset({"audio_inline", "stop"}),
        ),
        Family(models=("*",), dropped=_OPENAI_ONLY, refused=frozenset({"audio_inline"})),
    ),
    "llamacpp": (Family(models=("*",), quirks=_OLD_FIELD, dropped=_OPENAI_ONLY),),
}


def family_of(name: str, model: str) -> Family:
    """The row for a model; a plain one where its provider has no rows, or none that matches."""
    for family in FAMILIES.get(name, ()):
        if compile_globs(family.models)(model):
            return family
    return PLAIN
