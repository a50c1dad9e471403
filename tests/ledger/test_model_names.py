"""Which names of models mean the same: by the table, by what people say, and never because they look alike."""

import pytest

from gateway.ledger.reconciling.models import cells, folded

SAME = [
    ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
    ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
    (
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5",
    ),
    ("Claude4.5Sonnet", "claude-sonnet-4-5"),
    ("Claude4Opus", "claude-opus-4"),
    ("Claude3Haiku", "claude-3-haiku"),
    ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
    ("Claude3.5Sonnet", "claude-3-5-sonnet"),
    ("NovaLite", "nova-lite"),
    ("Nova2.0Lite", "nova-2-lite"),
    ("amazon.nova-lite-v1:0", "nova-lite"),
    ("eu.amazon.nova-2-lite-v1:0", "nova-2-lite"),
    ("openai.gpt-oss-120b", "gpt-oss-120b"),
    ("openai.gpt-oss-120b-1:0", "gpt-oss-120b-1"),
    ("projects/p/locations/l/publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
]


@pytest.mark.parametrize(("name", "same"), SAME)
def test_what_does_not_say_which_model_it_is_is_left_out(name: str, same: str) -> None:
    assert folded(name) == same


def test_a_name_that_both_sides_use_is_that_name_and_others_of_the_model_stay_apart() -> None:
    found = cells({"gpt-4o-2024-08-06", "gpt-4o-2024-05-13"}, {"gpt-4o-2024-08-06", "gpt-4o"}, {})
    assert found["gpt-4o-2024-08-06"] == "gpt-4o-2024-08-06"
    assert found["gpt-4o-2024-05-13"] == found["gpt-4o"] == "gpt-4o"


def test_what_people_say_is_the_same_is() -> None:
    assert cells({"Brand3-8B"}, {"vendor.brand-3-8b-v1:0"}, {})["Brand3-8B"] != "vendor.brand-3-8b-v1:0"
    found = cells({"Brand3-8B"}, {"vendor.brand-3-8b-v1:0"}, {"Brand3-8B": "vendor.brand-3-8b-v1:0"})
    assert found["Brand3-8B"] == found["vendor.brand-3-8b-v1:0"]
