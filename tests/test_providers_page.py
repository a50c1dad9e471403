"""The page on providers is what the tables say."""

import re

from gateway.config import Config
from gateway.dialects.features import FEATURES
from gateway.dialects.fitting import DROPPABLE
from gateway.dialects.protocols import UPSTREAMS
from gateway.providers.families import FAMILIES, family_of
from gateway.providers.page import page
from gateway.providers.profiles import PROFILES
from gateway.stores.documents import parse_document
from tests.conftest import ROOT


def test_it_is_printed_anew() -> None:
    printed = (ROOT / "gateway" / "providers" / "PROVIDERS.md").read_text()
    assert printed == page(), "run: python -m gateway.providers.page > gateway/providers/PROVIDERS.md"


def test_its_examples_are_valid_and_of_every_cloud() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
    config = parse_document(block.encode(), "PROVIDERS.md", Config)
    clouds = {kind for kind, profile in PROFILES.items() if profile.auth in ("aws", "google", "api-key")}
    assert clouds <= {provider.kind for provider in config.providers.values()}
    assert all(set(provider.drop_params) <= DROPPABLE for provider in config.providers.values())
    for options in config.models.values():
        assert options.targets[0].partition("/")[0] in config.providers


def test_every_word_in_the_tables_is_a_feature() -> None:
    rows = [family for families in FAMILIES.values() for family in families]
    for words in (
        *(upstream.abilities.supports for upstream in UPSTREAMS.values()),
        *(upstream.abilities.drops - {"*"} for upstream in UPSTREAMS.values()),
        *(family.dropped for family in rows),
        *(family.refused for family in rows),
    ):
        assert words <= FEATURES.keys()


def test_only_what_can_be_dropped_is() -> None:
    for upstream in UPSTREAMS.values():
        assert upstream.abilities.drops - {"*"} <= DROPPABLE
    assert all(family.dropped <= DROPPABLE for families in FAMILIES.values() for family in families)


def test_every_provider_speaks_something_that_can_be_translated_into() -> None:
    for kind, profile in PROFILES.items():
        assert set(profile.protocols) <= UPSTREAMS.keys(), kind
        assert profile.protocols, kind


def test_the_last_row_of_a_family_is_for_all_other_models() -> None:
    for name, families in FAMILIES.items():
        if name != "bedrock":  # whose models are other makers'
            assert families[-1].models == ("*",) or family_of(name, "something-new").models == ("*",), name


def test_models_find_their_rows() -> None:
    assert family_of("anthropic", "claude-sonnet-4-5-20250929").quirks.thinking == "budget"
    assert family_of("anthropic", "claude-opus-4-6").quirks.thinking == "adaptive"
    assert family_of("bedrock", "us.anthropic.claude-3-7-sonnet-20250219-v1:0").refused == {"json_schema"}
    assert "temperature" in family_of("openai", "gpt-5-mini").dropped
    assert "temperature" not in family_of("openai", "gpt-5-chat-latest").dropped
    assert "reasoning_effort" in family_of("openai", "gpt-4o").dropped
    assert family_of("gemini", "gemini-3-pro-preview").quirks.thinking == "level"
