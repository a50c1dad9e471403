"""OpenAI-compatible providers, a row each. What differs from OpenAI is a column, not code.

Sources: each provider's own page on OpenAI compatibility, checked against recorded traffic.
"""

from typing import Literal

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    otel_name: `gen_ai.provider.name` of the OpenTelemetry conventions.
    auth: header the key goes into; `none` needs no key.
    stream_usage: `ask` for it with `stream_options.include_usage`, or it comes `always` (and asking may be an error).
    opaque_model: the upstream's own model name means nothing to a caller or leaks something (llama.cpp answers with
        the path of its weights); the alias takes its place in answers.
    deployment_paths: `openai/deployments/{model}/…?api-version=` instead of a model in the body (Azure).
    """

    otel_name: str
    base_url: str = ""
    auth: Literal["bearer", "api-key", "none"] = "bearer"
    stream_usage: Literal["ask", "always"] = "ask"
    opaque_model: bool = False
    deployment_paths: bool = False


PROFILES: dict[str, Profile] = {
    "openai": Profile(otel_name="openai", base_url="https://api.openai.com/v1"),
    # base_url: https://NAME.openai.azure.com; with `api_version` the deployments paths, without it the v1 path.
    "azure": Profile(otel_name="azure.ai.openai", auth="api-key", deployment_paths=True),
    "llamacpp": Profile(otel_name="llamacpp", auth="bearer", opaque_model=True),
    "vllm": Profile(otel_name="vllm", auth="bearer"),
    "ollama": Profile(otel_name="ollama", base_url="http://127.0.0.1:11434/v1", auth="none"),
    "groq": Profile(otel_name="groq", base_url="https://api.groq.com/openai/v1"),
    # Mistral sends usage with the last chunk unasked and refuses fields it does not know.
    "mistral": Profile(otel_name="mistral_ai", base_url="https://api.mistral.ai/v1", stream_usage="always"),
    "deepseek": Profile(otel_name="deepseek", base_url="https://api.deepseek.com/v1"),
    "together": Profile(otel_name="together", base_url="https://api.together.xyz/v1"),
    "openrouter": Profile(otel_name="openrouter", base_url="https://openrouter.ai/api/v1"),
    "xai": Profile(otel_name="x_ai", base_url="https://api.x.ai/v1"),
    # Perplexity repeats a running total in every chunk; the last one counts.
    "perplexity": Profile(otel_name="perplexity", base_url="https://api.perplexity.ai", stream_usage="always"),
    "cerebras": Profile(otel_name="cerebras", base_url="https://api.cerebras.ai/v1"),
    "fireworks": Profile(otel_name="fireworks", base_url="https://api.fireworks.ai/inference/v1"),
    "moonshot": Profile(otel_name="moonshot_ai", base_url="https://api.moonshot.ai/v1"),
    "voyage": Profile(otel_name="voyage", base_url="https://api.voyageai.com/v1"),
    # Anything else that speaks the dialect: give it a base_url.
    "openai-compatible": Profile(otel_name="openai_compatible"),
}
