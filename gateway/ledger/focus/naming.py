"""Who provides, hosts, publishes and invoices what was bought: a row for every kind of provider, and what config.yaml
says instead.

The ledger knows a provider by its name in config.yaml. What is not declared there, such as one that has gone, is
called by that name.
"""

from collections.abc import Callable, Mapping
from functools import cache

import msgspec


class FocusNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a FOCUS export calls a provider; what is empty comes from its kind.

    Attributes:
        billing_account_id: the account that it bills, such as `org-…`, a subscription or an AWS account; if empty, the
            provider's name in config.yaml.
        invoice_issuer: who sends the invoice, where that is a reseller or a cloud's marketplace.
        host_provider: whose machines it runs on. publisher: whose product it is (until version 1.3).
        region_id, region_name: where it is, if the provider's own options do not say.
    """

    billing_account_id: str = ""
    billing_account_name: str = ""
    service_provider: str = ""
    service: str = ""
    host_provider: str = ""
    publisher: str = ""
    invoice_issuer: str = ""
    region_id: str = ""
    region_name: str = ""


class FocusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`organisation`: who provides the models that run on one's own machines. `providers`: by their names."""

    organisation: str = "Self-hosted"
    providers: dict[str, FocusNames] = {}


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says of its provider. `region_id`: if the charge itself names none; empty: nowhere in particular."""

    billing_account_id: str
    billing_account_name: str
    service_provider: str
    service: str
    host_provider: str
    publisher: str
    invoice_issuer: str
    region_id: str
    region_name: str


# Kind → service provider, service. It hosts, publishes and invoices itself unless `focus:` says otherwise.
_KINDS: Mapping[str, tuple[str, str]] = {
    "openai": ("OpenAI", "OpenAI API"),
    "azure": ("Microsoft", "Azure OpenAI Service"),
    "anthropic": ("Anthropic", "Claude API"),
    "gemini": ("Google", "Gemini API"),
    "vertex": ("Google Cloud", "Vertex AI"),
    "vertex-anthropic": ("Google Cloud", "Vertex AI"),
    "bedrock": ("AWS", "Amazon Bedrock"),
    "groq": ("Groq", "GroqCloud"),
    "mistral": ("Mistral AI", "Mistral API"),
    "deepseek": ("DeepSeek", "DeepSeek API"),
    "together": ("Together AI", "Together AI API"),
    "openrouter": ("OpenRouter", "OpenRouter API"),
    "xai": ("xAI", "xAI API"),
    "perplexity": ("Perplexity", "Perplexity API"),
    "cerebras": ("Cerebras", "Cerebras Inference"),
    "fireworks": ("Fireworks AI", "Fireworks AI API"),
    "moonshot": ("Moonshot AI", "Moonshot AI API"),
    "voyage": ("Voyage AI", "Voyage AI API"),
}
_OWN = frozenset({"llamacpp", "vllm", "ollama"})
SELF_SERVED = "Self-served models"


class Provided(msgspec.Struct, frozen=True):
    """What config.yaml says of a provider besides `focus:`. `region`: where its options say that it is."""

    kind: str
    region: str = ""


def namer(options: FocusOptions, providers: Mapping[str, Provided]) -> Callable[[str], Naming]:
    """What each provider is called, by its name in config.yaml."""

    @cache
    def naming(provider: str) -> Naming:
        return _naming(provider, options, providers.get(provider, Provided("")))

    return naming


def _naming(provider: str, options: FocusOptions, provided: Provided) -> Naming:
    said = options.providers.get(provider, FocusNames())
    ours = (options.organisation, SELF_SERVED) if provided.kind in _OWN else (provider, provider)
    service_provider, service = _KINDS.get(provided.kind, ours)
    service_provider = said.service_provider or service_provider
    region = said.region_id or provided.region
    return Naming(
        billing_account_id=said.billing_account_id or provider or "unknown",
        billing_account_name=said.billing_account_name or provider or "unknown",
        service_provider=service_provider or "unknown",
        service=said.service or service or "unknown",
        host_provider=said.host_provider or service_provider or "unknown",
        publisher=said.publisher or service_provider or "unknown",
        invoice_issuer=said.invoice_issuer or service_provider or "unknown",
        region_id=region,
        region_name=said.region_name or region,
    )
