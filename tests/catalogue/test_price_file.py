"""The file that holds an organisation's own prices: its snapshot, its version, and what is wrong with it, by line."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from gateway.catalogue.prices import Costed, read_prices
from gateway.catalogue.prices.packing import packed
from gateway.catalogue.prices.published import builtin, read_snapshot
from gateway.core.usage import Usage
from gateway.stores.documents import DocumentError
from tests.catalogue.books import MILLION, NOW, WIRED, ask, book, book_of, entry

# The file


def test_a_file_can_name_its_own_snapshot(tmp_path: Path) -> None:
    dearer = {"id": "openai", "models": [{"id": "x", "match": {"equals": "x"}, "prices": {"input_mtok": Decimal(9)}}]}
    data = packed([dearer], "mine")
    (tmp_path / "mine.json").write_bytes(data)
    digest = read_snapshot(data).sha256
    path = tmp_path / "prices.yaml"
    path.write_text(f"currency: USD\nbase: {{file: mine.json, sha256: {digest}}}\n")
    own = read_prices(path, WIRED)
    assert ask(own, "x", "openai", input_tokens=MILLION).nano == 9 * 10**9
    assert ask(own, "gpt-4o-mini", "openai", input_tokens=1).nano is None
    (tmp_path / "mine.json").write_bytes(packed([{**dearer, "models": []}], "other"))
    with pytest.raises(DocumentError, match=r"prices.yaml:2.*not the snapshot that was approved"):
        read_prices(path, WIRED)
    (tmp_path / "mine.json").unlink()
    with pytest.raises(DocumentError, match="cannot be read"):
        read_prices(path, WIRED)


def test_other_prices_are_another_version() -> None:
    texts = ["", "base: none", "prices: []", "providers: {own: openai}"]
    assert len({book(text).version for text in texts}) == len(texts)
    assert builtin() is builtin(), "the shipped snapshot is read once"


BAD = {
    "several times for sound": (entry(per_unit={"audio_minute": 1, "audio_hour": 60}), "more than one of audio_second"),
    "two steps at one size": (
        entry(steps=[{"above_input_tokens": 5, "per_million_tokens": {"input": 1}}] * 2),
        "two steps begin",
    ),
    "a negative factor": (entry(tiers={"flex": -0.5}), "-0.5 is not a number from 0 on"),
    "tiers in capitals": (entry(tiers={"Flex": 0.5}), "lower case"),
    "tiers of a tier": (entry(tier="batch", tiers={"flex": 0.5}), "an entry for one has no others"),
    "GPUs without a price": (entry(gpus=2), "per_gpu_hour"),
    "no GPU": (entry(per_gpu_hour=1, gpus=0), "gpus"),
    "an image that pays": (entry(images=[{"price": -1}]), "cannot be negative"),
    "another currency": (entry(currency="EUR"), "EUR"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_entry_is_told_with_its_line(name: str) -> None:
    wrong, said = BAD[name]
    with pytest.raises(DocumentError, match=said) as raised:
        book_of(wrong)
    assert raised.value.line > 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adjustments: [{id: a, kind: contract, percent: -101, from: 2026-01-01}]", "from -100 on"),
        ("adjustments: [{id: a, kind: gift, percent: 1, from: 2026-01-01}]", "gift"),
        ("adjustments: [{id: a, kind: markup, percent: 1, from: 2026-01-01, match: {teams: []}}]", "matches nothing"),
        ("adjustments: [{id: a, kind: markup, percent: 1, from: 2026-01-01, until: 2026-01-01}]", "must be after"),
        ("exchange_rates: [{from: 2026-01-01, usd: 1}]", "nothing is exchanged"),
        ("providers: {own: opanai}", "did you mean .?openai"),
        ("base: {file: x}", "sha256"),
        ("base: bultin", "base"),
    ],
)
def test_a_wrong_file_is_told(text: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        book(text)


def test_a_wrong_exchange_rate_is_told() -> None:
    for rates, said in (
        ("[{from: 2026-01-01, usd: 0}]", "costs something"),
        ("[{from: 2026-01-01, usd: 1}, {from: 2026-01-01, usd: 2}]", "two rates"),
    ):
        with pytest.raises(DocumentError, match=said):
            book(f"exchange_rates: {rates}", "EUR")


def test_a_priced_call_is_plain_data() -> None:
    found = ask(book(), "gpt-4o-mini", "openai", input_tokens=1)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Costed) == found


def test_a_dearer_tier_is_foreseen_at_its_price_and_one_without_a_price_at_the_usual() -> None:
    usage = Usage(input_tokens=1_000)
    tiered = book_of(entry(per_million_tokens={"input": 1, "output": 1}, tiers={"priority": 2, "flex": 0.5}))
    plain = book_of(entry(per_million_tokens={"input": 1, "output": 1}))
    found = [tiered.estimate("own", "m", usage, NOW, tier=tier) for tier in ("", "priority", "flex", "fast")]
    assert found == [1_000_000, 2_000_000, 1_000_000, 1_000_000]
    assert plain.estimate("own", "m", usage, NOW, tier="priority") == 1_000_000
