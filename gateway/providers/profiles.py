"""Providers, a row each. What differs between them is a column, not code; what differs between one provider's models is
a row of `families.py`.

Sources: each provider's own API reference or page on OpenAI compatibility, checked against recorded traffic.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from gateway.core.conversation import DialectName

Auth = Literal["bearer", "api-key", "x-api-key", "x-goog-api-key", "none", "aws", "google", "entra"]


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """Where a protocol is spoken, and what of its bodies is otherwise there.

    Attributes:
        path: below the base URL; `{model}` stands for the model's name, percent-encoded.
        stream: where it streams, if that is another place.
        without, adds: fields that a body does not have there, or has besides its own.
        betas: `anthropic-beta` headers go into the body, as `anthropic_beta`.
        framed: streams are Bedrock's chunks of events.
        models: globs of the models for which it is spoken at all.
    """

    path: str
    stream: str = ""
    without: tuple[str, ...] = ()
    adds: Mapping[str, str] = MappingProxyType({})
    betas: bool = False
    framed: bool = False
    models: tuple[str, ...] = ("*",)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    otel_name: `gen_ai.provider.name` of the OpenTelemetry conventions.
    dialect: whose wire format it speaks: calls of that dialect pass as they are.
    protocols: what it generates text by (`dialects/protocols.py`), the best to translate into first; others pass by
        their operation's own path if the dialect is the same.
    auth: header the key goes into, or how a request is authorized; `none` needs no key.
    key_optional: it may run without any credential (an engine of one's own).
    base_url: `{region}`, `{location}` and `{project}` stand for the provider's options of that name.
    headers: sent with every request. forwards: the client's headers that take their place, where it sends them.
    stream_usage: `ask` for it with `stream_options.include_usage`, or it comes `always` (and asking may be an error).
    opaque_model: the upstream's own model name means nothing to a caller or leaks something (llama.cpp answers with
        the path of its weights); the alias takes its place in answers.
    deployment_paths: `openai/deployments/{model}/…?api-version=` instead of a model in the body (Azure).
    others: where operations that generate no text are, if not at their own path.
    lacks: operations that cannot be converted for it, though its dialect could say them.
    counts_beside_contents: Google's countTokens takes instructions and tools beside `contents`, as Vertex has it, and
        not in a request of their own.
    steering: fields of a body by which it names further models; refused, for they are not the one that was judged.
    not_empty: lists of a body that it takes when they are empty, and then makes an answer to nobody; refused, as
        every hosted provider refuses them.
    families: name of its models' rows in `families.py`.
    reports_cost: how it tells what a call costs, if it is trusted with that: a word of `dialects/costs.py`.
    tier_header: header of an answer that names the tier that served.
    """

    otel_name: str
    base_url: str = ""
    dialect: DialectName = "openai"
    protocols: Mapping[str, Path]
    auth: Auth = "bearer"
    key_optional: bool = False
    headers: Mapping[str, str] = MappingProxyType({})
    forwards: tuple[str, ...] = ()
    stream_usage: Literal["ask", "always"] = "ask"
    opaque_model: bool = False
    deployment_paths: bool = False
    others: Mapping[str, Path] = MappingProxyType({})
    lacks: tuple[str, ...] = ()
    counts_beside_contents: bool = False
    steering: tuple[str, ...] = ()
    not_empty: tuple[str, ...] = ()
    families: str = ""
    reports_cost: Literal["", "openrouter", "perplexity", "xai"] = ""
    tier_header: str = ""


_CHAT: Mapping[str, Path] = MappingProxyType({"chat": Path(path="chat/completions")})
OPENAI_PATHS: Mapping[str, Path] = MappingProxyType(
    {"chat": Path(path="chat/completions"), "responses": Path(path="responses")}
)
_MESSAGES: Mapping[str, Path] = MappingProxyType({"messages": Path(path="messages")})
_VERSION: Mapping[str, str] = MappingProxyType({"anthropic-version": "2023-06-01"})


_ANTHROPIC_HEADERS = ("anthropic-version", "anthropic-beta")


def _compatible(otel_name: str, base_url: str = "", **columns: object) -> Profile:
    """A provider that speaks Chat Completions, unless its columns say more."""
    row: dict[str, object] = {"protocols": _CHAT, "families": otel_name, **columns}
    return Profile(otel_name=otel_name, base_url=base_url, **row)  # type: ignore[arg-type]  columns are Profile's fields


_GENERATE = Path(
    path="models/{model}:generateContent",
    stream="models/{model}:streamGenerateContent?alt=sse",
    without=("model", "stream"),
)
_RAW_PREDICT = Path(
    path="models/{model}:rawPredict",
    stream="models/{model}:streamRawPredict",
    without=("model",),
    adds=MappingProxyType({"anthropic_version": "vertex-2023-10-16"}),
)
_CONVERSE = Path(path="model/{model}/converse", stream="model/{model}/converse-stream", without=("model", "stream"))
# Claude on Bedrock takes Anthropic's own bodies as well.
_INVOKE = Path(
    path="model/{model}/invoke",
    stream="model/{model}/invoke-with-response-stream",
    without=("model", "stream"),
    adds=MappingProxyType({"anthropic_version": "bedrock-2023-05-31"}),
    betas=True,
    framed=True,
    models=("*anthropic.claude-*",),
)
_VERTEX = "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers"


PROFILES: Mapping[str, Profile] = {
    "openai": _compatible("openai", "https://api.openai.com/v1", protocols=OPENAI_PATHS),
    # base_url: https://NAME.openai.azure.com; with `api_version` the deployments paths, without it the v1 path.
    "azure": _compatible(
        "azure.ai.openai", auth="api-key", deployment_paths=True, protocols=OPENAI_PATHS, families="openai"
    ),
    "anthropic": Profile(
        otel_name="anthropic",
        base_url="https://api.anthropic.com/v1",
        dialect="anthropic",
        protocols=_MESSAGES,
        auth="x-api-key",
        headers=_VERSION,
        forwards=_ANTHROPIC_HEADERS,
        families="anthropic",
    ),
    "gemini": Profile(
        otel_name="gcp.gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        dialect="gemini",
        protocols=MappingProxyType({"generate": _GENERATE}),
        auth="x-goog-api-key",
        families="gemini",
    ),
    "vertex": Profile(
        otel_name="gcp.vertex_ai",
        base_url=f"{_VERTEX}/google",
        dialect="gemini",
        protocols=MappingProxyType({"generate": _GENERATE}),
        auth="google",
        lacks=("embeddings",),  # they are predictions there
        counts_beside_contents=True,
        families="gemini",
    ),
    "vertex-anthropic": Profile(
        otel_name="gcp.vertex_ai",
        base_url=f"{_VERTEX}/anthropic",
        dialect="anthropic",
        protocols=MappingProxyType({"messages": _RAW_PREDICT}),
        others=MappingProxyType({"count_tokens": Path(path="models/count-tokens:rawPredict", adds=_RAW_PREDICT.adds)}),
        auth="google",
        forwards=("anthropic-beta",),
        families="anthropic",
    ),
    "bedrock": Profile(
        otel_name="aws.bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        dialect="bedrock",
        protocols=MappingProxyType({"converse": _CONVERSE, "messages": _INVOKE}),
        auth="aws",
        families="bedrock",
        tier_header="x-amzn-bedrock-service-tier",
    ),
    "llamacpp": _compatible("llamacpp", opaque_model=True, key_optional=True, not_empty=("messages",)),
    "vllm": _compatible("vllm", protocols=OPENAI_PATHS, key_optional=True),
    "ollama": _compatible("ollama", "http://127.0.0.1:11434/v1", auth="none"),
    "groq": _compatible("groq", "https://api.groq.com/openai/v1"),
    # Mistral sends usage with the last chunk unasked and refuses fields it does not know.
    "mistral": _compatible("mistral_ai", "https://api.mistral.ai/v1", stream_usage="always"),
    "deepseek": _compatible("deepseek", "https://api.deepseek.com/v1"),
    "together": _compatible("together", "https://api.together.xyz/v1"),
    # Falls back to any of `models`; a preset may name others as well.
    "openrouter": _compatible(
        "openrouter",
        "https://openrouter.ai/api/v1",
        steering=("models", "route", "preset"),
        reports_cost="openrouter",
    ),
    "xai": _compatible("x_ai", "https://api.x.ai/v1", protocols=OPENAI_PATHS, reports_cost="xai"),
    # Perplexity repeats a running total in every chunk; the last one counts.
    "perplexity": _compatible(
        "perplexity", "https://api.perplexity.ai", stream_usage="always", reports_cost="perplexity"
    ),
    "cerebras": _compatible("cerebras", "https://api.cerebras.ai/v1"),
    "fireworks": _compatible("fireworks", "https://api.fireworks.ai/inference/v1"),
    "moonshot": _compatible("moonshot_ai", "https://api.moonshot.ai/v1"),
    "voyage": _compatible("voyage", "https://api.voyageai.com/v1"),
    # Anything else that speaks the dialect: give it a base_url.
    "openai-compatible": _compatible("openai_compatible", key_optional=True),
    "anthropic-compatible": Profile(
        otel_name="anthropic_compatible",
        dialect="anthropic",
        protocols=_MESSAGES,
        auth="x-api-key",
        key_optional=True,
        headers=_VERSION,
        forwards=_ANTHROPIC_HEADERS,
        families="anthropic",
    ),
}

# Kind → the name under which genai-prices publishes what it asks. Models on Azure, Bedrock and Vertex have prices of
# their own; what Azure and Google do not list costs there what its maker asks. Kinds that are missing have no published
# prices.
PRICED_AS: Mapping[str, str] = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex": "google",
    "vertex-anthropic": "google",
    "bedrock": "aws",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "together": "together",
    "openrouter": "openrouter",
    "xai": "x-ai",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "fireworks": "fireworks",
    "moonshot": "moonshotai",
    "voyage": "voyageai",
}
