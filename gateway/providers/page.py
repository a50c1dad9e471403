"""The page on providers, printed from the tables: `python -m gateway.providers.page > gateway/providers/PROVIDERS.md`.

A test keeps the file equal to what this prints.
"""

import sys
from collections.abc import Iterator

from gateway.dialects.features import FEATURES
from gateway.dialects.fitting import Abilities
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
* **refused**: 400, with the field's name. `drop_params` of a provider in config.yaml drops it instead.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_protocols(), "", *_providers(), *_families()]) + "\n"


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
    return "dropped" if feature in abilities.drops else "refused"


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
    yield "The first row that matches a model counts. What a row does not name is as in the first table.\n"
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
