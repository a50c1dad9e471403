"""`gateway prices`: which price applies and why, what another book would have charged, newer published prices."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_parts import closed_record, ledger_at

from gateway.catalogue.prices import PriceBook, Priced, read_prices
from gateway.catalogue.prices.packing import installed
from gateway.catalogue.prices.published import builtin, read_snapshot
from gateway.catalogue.prices.repricing import again, changes
from gateway.cli import main
from gateway.config import read_config
from gateway.core.attempt import RETRIES, Attempt, Terms
from gateway.core.bought import Bought
from gateway.core.usage import METERS, Usage
from gateway.ledger.options import LedgerPlace
from gateway.ledger.purchases import bought
from gateway.stores.documents import Text
from tests.conftest import ACCESS, LIMITS, TENANTS

CONFIG = {
    "providers": {
        "openai": {"kind": "openai", "api_key": "k"},
        "cloud": {"kind": "bedrock", "region": "eu-west-1"},
        "box": {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"},
        "engine": {"kind": "openai", "engine": "e"},
    },
    "engines": {"e": {"runner": "llamacpp", "weights": {"path": "w.gguf", "sha256": "0" * 64}}},
}
PRICES = """currency: USD
base: builtin
prices:
  - {id: box, provider: box, models: ["*"], from: 2020-01-01, per_million_tokens: {input: 1, output: 2}}
adjustments:
  - {id: margin, kind: markup, percent: 10, from: 2020-01-01, match: {tenants: [shop]}}
"""
CARD = """name: NAME
targets: [{target: TARGET}]
licence: {expression: MIT}
life: {approved: {by: tests, on: 2020-01-01}}
"""
NOW = datetime.now(UTC)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    policies = tmp_path / "policies"
    (policies / "models").mkdir(parents=True)
    for name, text in (
        ("tenants", TENANTS),
        ("access", ACCESS),
        ("limits", LIMITS),
        ("prices", PRICES),
        ("guardrails", "guards: []\n"),
    ):
        (policies / f"{name}.yaml").write_text(text)
    for name, target in (("mini", "openai/gpt-4o-mini"), ("own", "box/anything"), ("odd", "openai/no-such-model")):
        (policies / "models" / f"{name}.yaml").write_text(CARD.replace("NAME", name).replace("TARGET", target))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["prices", *words, "--config", str(folder / "config.yaml")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_whose_published_prices_a_provider_has_is_told_by_its_kind(folder: Path) -> None:
    wiring = read_config(folder / "config.yaml").wiring
    assert wiring.price_providers == {"openai": "openai", "cloud": "aws", "box": "none"}, "an engine has none"


def test_show_tells_the_price_of_every_target(run: Run) -> None:
    code, out, _ = run("show")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert rows["openai/gpt-4o-mini"].split()[1:] == ["0.15", "0.60", "genai:openai/gpt-4o-mini"]
    assert rows["box/anything"].split()[1:] == ["1.00", "2.00", "box"]
    assert rows["openai/no-such-model"].endswith("no price for openai/no-such-model")
    assert [row["model"] for row in json.loads(run("show", "--provider", "box", "--json")[1])] == ["anything"]


def test_show_tells_why(run: Run) -> None:
    code, out, _ = run("show", "--provider", "openai", "--model", "gpt-4o-mini", "--tenant", "shop")
    assert code == 0
    assert "priced by genai:openai/gpt-4o-mini (published prices), found by `gpt-4o-mini`" in out
    assert "adjusted by margin" in out
    (line,) = (line for line in out.splitlines() if line.startswith("input_tokens "))
    assert line.split() == ["input_tokens", "million", "0.165", "0.15", "0"]
    code, _, err = run("show", "--provider", "openai", "--model", "gpt-4o-mini", "--tier", "ultrafast")
    assert (code, "no price for the tier" in err) == (1, True)
    dated = ("show", "--provider", "openai", "--model", "gpt-4o-mini", "--at", "2026-10-13", "--tier", "priority")
    assert json.loads(run(*dated, "--json")[1])["prices"][0]["charged"] == "0.25"
    assert run("show", "--model", "m")[0] == 2


def purchase(book: PriceBook, target: str, usage: Usage | None, **fields: Any) -> Attempt:
    """An attempt as the pipeline leaves it in the ledger, priced by this book."""
    provider, _, model = target.partition("/")
    at_ns = int((NOW - timedelta(days=1)).timestamp() * 1e9)
    attempt = Attempt(
        started_ns=at_ns,
        provider=provider,
        target=target,
        outcome="completed",
        usage=usage,
        duration_us=5_000,
        **fields,
    )
    if usage is None:
        attempt.pricing = "unpriced"
        return attempt
    costed = book.charges(
        Priced(
            provider=provider,
            model=model,
            usage=usage,
            terms=attempt.terms,
            at_s=at_ns / 1e9,
            duration_us=5_000,
            tenant="acme",
            team="blue",
            paid=bool(attempt.account),
        )
    )
    attempt.pricing, attempt.price_version, attempt.charges = costed.pricing, costed.price_version, costed.charges
    attempt.unpriced = costed.unpriced
    return attempt


def kept(folder: Path, *attempts: Attempt) -> Path:
    state = folder / ".gateway"
    state.mkdir()
    with ledger_at(state) as store:
        for number, attempt in enumerate(attempts):
            record = closed_record(number, attempts=(attempt,), model="alias")
            record.started_ns = attempt.started_ns
            store.commit([record], "w-1.jnl", number + 1)
    return state / "ledger.db"


FULL = Usage(**{meter: 1_000 + index for index, meter in enumerate(METERS) if meter not in ("images", "code_sessions")})


def test_what_was_bought_comes_back_as_it_was(folder: Path) -> None:
    book = read_prices(folder / "policies" / "prices.yaml", read_config(folder / "config.yaml").wiring)
    attempts = [
        purchase(book, "openai/gpt-4o-mini", Usage(input_tokens=1_000, output_tokens=10), terms=Terms(tier="default")),
        purchase(book, "box/x", Usage(input_tokens=7), account=RETRIES, served_model="y"),
        purchase(book, "openai/no-such-model", FULL),
        purchase(book, "box/x", None),
    ]
    found = list(bought(LedgerPlace(kept(folder, *attempts)), NOW - timedelta(days=2), None))
    assert [(one.tenant, one.team, one.model) for one in found] == [("acme", "blue", "alias")] * 4
    for one, attempt in zip(found, attempts, strict=True):
        for field in (
            "target",
            "served_model",
            "duration_us",
            "account",
            "pricing",
            "price_version",
            "terms",
            "charges",
        ):
            assert getattr(one.attempt, field) == getattr(attempt, field), field
        assert again(one, book).nano == attempt.cost_nano, "the same book charges the same"
    assert list(bought(LedgerPlace(folder / "none.db"), None, None)) == []
    assert list(bought(LedgerPlace(folder / ".gateway" / "ledger.db"), NOW, None)) == []


def test_diff_shows_who_would_pay_more_and_what_would_have_a_price(folder: Path, run: Run) -> None:
    settings = read_config(folder / "config.yaml")
    book = read_prices(folder / "policies" / "prices.yaml", settings.wiring)
    kept(
        folder,
        *[purchase(book, "box/x", Usage(input_tokens=1_000_000, output_tokens=0)) for _ in range(3)],
        purchase(book, "box/x", Usage(input_tokens=1_000_000), account=RETRIES),
        purchase(book, "openai/gpt-4o-mini", Usage(input_tokens=10)),
        purchase(book, "openai/no-such-model", Usage(input_tokens=1_000_000)),
    )
    dearer = PRICES.replace("input: 1,", "input: 1.5,").replace(
        "prices:\n",
        "prices:\n  - {id: new, provider: openai, models: [no-such-model], from: 2020-01-01, per_million_tokens: {input: 4}}\n",
    )
    (folder / "new.yaml").write_text(dearer)
    code, out, _ = run("diff", str(folder / "new.yaml"))
    assert code == 0
    rows = [line.split() for line in out.splitlines()[1:4]]
    assert rows == [
        ["acme/blue", "alias", "openai/no-such-model", "1", "1", "0.000000000", "4.000000000", "+4.000000000"],
        ["acme/blue", "alias", "box/x", "3", "3", "3.000000000", "4.500000000", "+1.500000000"],
        ["gateway:retries", "alias", "box/x", "1", "1", "1.000000000", "1.500000000", "+0.500000000"],
    ]
    assert "5 of 6 upstream calls in the last 30 days would cost something else, in USD" in out
    assert "without a price, and so in no sum: 1 calls; by the new book 0" in out
    same = run("diff", str(folder / "policies" / "prices.yaml"))[1]
    assert "0 of 6 upstream calls" in same
    assert "no price for openai/no-such-model" in same
    rows = json.loads(run("diff", str(folder / "policies" / "prices.yaml"), "--all", "--json")[1])
    assert {row["difference"] for row in rows} == {"0.000000000"}
    (folder / "base.json").write_bytes(installed())
    assert "0 of 6 upstream calls" in run("diff", str(folder / "base.json"))[1]
    assert run("diff", str(folder / "config.yaml"))[0] == 1


def test_a_context_over_a_step_is_priced_over_it_again(folder: Path) -> None:
    """Calls are priced one by one: a sum of tokens would not tell which of them were over the step."""
    text = PRICES.replace(
        "output: 2}}", "output: 2}, steps: [{above_input_tokens: 100, per_million_tokens: {input: 3}}]}"
    )
    book = read_prices(Text("prices.yaml", text.encode()), read_config(folder / "config.yaml").wiring)
    calls = [Bought("acme", "blue", "alias", purchase(book, "box/x", Usage(input_tokens=size))) for size in (100, 101)]
    (change,) = changes(calls, book)
    assert (change.before, change.after, change.changed) == (100_000 + 303_000, 100_000 + 303_000, 0)


def test_update_writes_a_snapshot_and_approves_it_where_it_is_named(folder: Path, run: Run) -> None:
    code, out, _ = run("update")
    snapshot = folder / "policies" / "published-prices.json"
    assert (code, read_snapshot(snapshot.read_bytes()).sha256) == (0, builtin().sha256)
    assert f"base: {{file: published-prices.json, sha256: {builtin().sha256}}}" in out
    prices = folder / "policies" / "prices.yaml"
    prices.write_text(
        PRICES.replace("base: builtin", f"base: {{file: published-prices.json, sha256: {'0' * 64}}} # ours")
    )
    data = folder / "data.json"
    data.write_text(
        '[{"id": "openai", "models": [{"id": "x", "match": {"equals": "x"}, "prices": {"input_mtok": 0.1}}]}]'
    )
    code, out, _ = run("update", "--from", str(data))
    assert code == 0
    assert "1 models of 1 providers" in out
    assert "# ours" in prices.read_text()
    book = read_prices(prices, read_config(folder / "config.yaml").wiring)
    asked = Priced(provider="openai", model="x", usage=Usage(input_tokens=3), at_s=NOW.timestamp())
    assert book.charges(asked).nano == 300
    code, _, err = run("update", "--from", str(folder / "config.yaml"))
    assert (code, "is no snapshot of prices" in err) == (1, True)
    assert run("update", "--from", str(folder / "nowhere"))[0] == 1
