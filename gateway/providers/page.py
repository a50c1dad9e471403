"""The page on providers, printed from the tables: `python -m gateway.providers.page > gateway/providers/PROVIDERS.md`.

A test keeps the file equal to what this prints.
"""

import sys
from collections.abc import Iterator

from gateway.dialects.features import FEATURES
from gateway.dialects.fitting import DROPPABLE, Abilities
from gateway.dialects.protocols import UPSTREAMS
from gateway.providers.families import FAMILIES, Family
from gateway.providers.profiles import PROFILES, Profile

_INTRODUCTION = """# Providers

Printed from the tables in `profiles.py`, `families.py` and `dialects/*/abilities.py`; do not edit.

A client may use any dialect (OpenAI's Chat Completions, Responses and Embeddings; Anthropic's Messages; Google's
generateContent and embeddings) with any provider that has the like. Where client and provider speak the same protocol,
the call passes as it is: what the provider takes is then between the two of them. Otherwise it is translated, and this
page says what becomes of it:

* **yes**: it is said in the provider's words;
* **dropped**: it is left out, and named in the answer's `x-gateway-dropped-params` header. A tenant with
  `strict_params: true` (policies/tenants.yaml) gets a 400 instead;
* **refused**: 400, with the field's name. Where it says **refused\\***, `drop_params: [name]` of a provider in
  config.yaml drops it instead; the names are the words in brackets.
"""

_EXAMPLES = """## In config.yaml

A base URL ends in the API's version, as those in the table do; Azure's is the bare resource. A target is the provider's
name and what it calls its model: `anthropic/claude-sonnet-4-5`; at Azure, the deployment. An extra is installed with
`.venv/bin/python -m pip install -e '.[aws]'`.

```yaml
providers:
  anthropic: {kind: anthropic, api_key: "${env:ANTHROPIC_API_KEY}"}         # so all that have but an api_key
  azure: {kind: azure, base_url: "https://NAME.openai.azure.com", api_key: "${env:AZURE_OPENAI_API_KEY}"}
  azure-deployments: {kind: azure, base_url: "https://NAME.openai.azure.com", api_version: "2024-10-21",
                      api_key: "${env:AZURE_OPENAI_API_KEY}"}               # the paths with /deployments/
  azure-entra: {kind: azure, base_url: "https://NAME.openai.azure.com", entra: {credential: managed_identity}}
  bedrock: {kind: bedrock, region: eu-west-1}                               # AWS's own chain of credentials
  bedrock-profile: {kind: bedrock, region: eu-west-1, aws: {profile: work}}
  bedrock-keys: {kind: bedrock, region: eu-west-1, aws: {access_key_id: "${env:ID}", secret_access_key: "${env:KEY}"}}
  bedrock-bearer: {kind: bedrock, region: eu-west-1, api_key: "${env:AWS_BEARER_TOKEN_BEDROCK}"}
  vertex: {kind: vertex, project: my-project, location: europe-west4}       # Google's default credentials
  vertex-file: {kind: vertex, project: my-project, location: global,
                google: {service_account: "${file:/etc/gateway/vertex.json}"}}
  vertex-claude: {kind: vertex-anthropic, project: my-project, location: europe-west1}
  vllm: {kind: vllm, base_url: "http://10.0.0.5:8000/v1"}
  another: {kind: openai-compatible, base_url: "https://models.example.com/v1", api_key: "${env:ANOTHER_API_KEY}",
            drop_params: [seed, logprobs]}
models:
  gpt: {targets: [azure/my-deployment]}
  sonnet: {targets: [anthropic/claude-sonnet-4-5]}
```
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_protocols(), "", *_providers(), _EXAMPLES, *_families()]) + "\n"


def _protocols() -> Iterator[str]:
    yield "## What each protocol can be told\n"
    yield "| | " + " | ".join(f"`{name}`" for name in UPSTREAMS) + " |"
    yield "|---|" + "---|" * len(UPSTREAMS)
    for feature, meaning in FEATURES.items():
        cells = " | ".join(_word(feature, upstream.abilities) for upstream in UPSTREAMS.values())
        yield f"| {meaning} (`{feature}`) | {cells} |"
    cells = " | ".join("dropped" if "*" in upstream.abilities.drops else "refused" for upstream in UPSTREAMS.values())
    yield f"| fields that no other dialect has a word for | {cells} |"


def _word(feature: str, abilities: Abilities) -> str:
    if feature in abilities.supports:
        return "yes"
    if feature in abilities.drops:
        return "dropped"
    return "refused\\*" if feature in DROPPABLE else "refused"


def _providers() -> Iterator[str]:
    yield "## Kinds of providers\n"
    yield "| kind | speaks | base URL | credential |"
    yield "|---|---|---|---|"
    for kind, profile in PROFILES.items():
        speaks = ", ".join(f"`{name}`" for name in profile.protocols)
        yield f"| `{kind}` | {speaks} | {profile.base_url or 'yours'} | {_credential(profile)} |"
    yield ""


_CREDENTIALS = {
    "bearer": "`api_key`",
    "api-key": "`api_key`, or Microsoft Entra (`entra`, extra `azure`)",
    "x-api-key": "`api_key`",
    "x-goog-api-key": "`api_key`",
    "none": "none",
    "aws": "AWS's own chain, `aws` (extra `aws`), or a Bedrock `api_key`",
    "google": "Google's own chain, or `google.service_account` (extra `google`)",
}


def _credential(profile: Profile) -> str:
    return _CREDENTIALS[profile.auth] + (", if it wants one" if profile.key_optional else "")


def _families() -> Iterator[str]:
    yield "## Where single models differ\n"
    yield (
        "The first row that matches a model counts. What a row does not name is as in the first table. Thinking is "
        "told by an effort, a budget of tokens, a level, or is adaptive, where a model thinks at all.\n"
    )
    for name, families in FAMILIES.items():
        kinds = ", ".join(f"`{kind}`" for kind, profile in PROFILES.items() if profile.families == name)
        yield f"### {kinds}\n"
        yield "| models | dropped | refused | thinking |"
        yield "|---|---|---|---|"
        for family in families:
            yield _row(family)
        yield ""


def _row(family: Family) -> str:
    models = ", ".join(f"`{glob}`" for glob in family.models)
    cells = [", ".join(sorted(words)) or "–" for words in (family.dropped, family.refused)]
    return f"| {models} | {cells[0]} | {cells[1]} | by {family.quirks.thinking} |"


if __name__ == "__main__":
    sys.stdout.write(page())
