"""The ledger as FOCUS, held against the specification's own rules (`focus_rules.py`)."""

import csv
import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from focus_rules import faults
from spending import HOUR_NS, OCTOBER_NS, billed, fill

from gateway.exports import focus_export
from gateway.ledger.focus.columns import VERSIONS, Version
from gateway.ledger.focus.lines import Line, Period
from gateway.ledger.focus.naming import FocusNames, FocusOptions, Provided, namer
from gateway.ledger.focus.rows import Maker, tags_text
from gateway.ledger.focus.writing import csv_pieces, write_parquet
from gateway.ledger.options import LedgerPlace
from gateway.ledger.store import LedgerUnavailable

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, tzinfo=UTC)
MONTH_NS = 31 * 24 * HOUR_NS
PROVIDERS = {
    "openai": Provided("openai"),
    "azure": Provided("azure"),
    "anthropic": Provided("anthropic", "eu"),
    "local": Provided("llamacpp"),
}
OPTIONS = FocusOptions(
    organisation="Example Bank",
    providers={"azure": FocusNames(billing_account_id="sub-1", invoice_issuer="A Reseller", region_id="swedencentral", region_name="Sweden Central")},
)  # fmt: skip
MAKER = Maker(namer(OPTIONS, PROVIDERS), "USD", lambda tenant, team: "Loans" if team == "loans" else "")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("focus")


@pytest.fixture(scope="module")
def records(state: Path) -> list:
    return fill(state)


def read(text: bytes) -> tuple[list[str], list[dict[str, str]]]:
    found = csv.DictReader(io.StringIO(text.decode()))
    rows = list(found)
    return list(found.fieldnames or ()), rows


def exported(state: Path, version: Version = "1.4", period: Period | None = None) -> list[dict[str, str]]:
    with focus_export(LedgerPlace(state / "ledger.db"), MAKER, period or Period(OCTOBER, WINTER)) as export:
        return read(b"".join(csv_pieces(export.rows, version)))[1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("bucket", ["hour", "day"])
def test_an_export_keeps_the_specification(state: Path, records: list, version: Version, bucket: str) -> None:
    period = Period(OCTOBER, WINTER, bucket)
    with focus_export(LedgerPlace(state / "ledger.db"), MAKER, period) as export:
        names, rows = read(b"".join(csv_pieces(export.rows, version)))
    assert len(rows) > 300
    assert faults(names, rows, version) == []
    assert sum(Decimal(row["BilledCost"]) for row in rows) == billed(records), "to the nano-unit"
    assert sum(Decimal(row["EffectiveCost"]) for row in rows) == billed(records)


@pytest.mark.parametrize("version", VERSIONS)
def test_tokens_are_told_apart_in_the_words_of_the_next_version(state: Path, records: list, version: Version) -> None:
    told: Counter[tuple[str, ...]] = Counter()
    for row in exported(state, version):
        details = json.loads(row["SkuPriceDetails"] or "{}")
        if row["ConsumedUnit"] == "Tokens":
            words = (details["x_TokenDirection"], details.get("x_TokenCacheAction", ""), details.get("x_CacheTtl", ""))
            told[words] += int(Decimal(row["ConsumedQuantity"]))
        else:
            assert "x_TokenDirection" not in details
    used: Counter[str] = Counter()
    for attempt in (one for record in records for one in record.attempts if one.pricing == "priced"):
        used.update({charge.meter: charge.quantity for charge in attempt.charges})
    named = {
        ("Input", "Uncached", ""): used["input_tokens"],
        ("Input", "Read", ""): used["cached_input_tokens"],
        ("Input", "Write", ""): used["cache_write_tokens"],
        ("Input", "Write", "1h"): used["cache_write_1h_tokens"],
        ("Output", "", ""): used["output_tokens"],
    }
    assert told == {words: count for words, count in named.items() if count}
    assert len(told) >= 3


def test_costs_differ_by_no_more_than_what_was_rounded_once_a_call(state: Path, records: list) -> None:
    for row in exported(state):
        rounded = Decimal("1e-9") * Decimal(row["x_AttemptCount"])
        assert abs(Decimal(row["ContractedCost"]) - Decimal(row["BilledCost"])) <= rounded, row
        assert Decimal(row["ListCost"]) >= Decimal(row["ContractedCost"]), "nobody pays more than the list says here"


def test_a_discount_shows_between_list_and_contract(state: Path, records: list) -> None:
    found = next(row for row in exported(state) if row["SkuId"] == "openai/gpt-x-2026/input_tokens")
    assert (found["ListUnitPrice"], found["ContractedUnitPrice"]) == ("2.5", "2.375")
    assert (found["PricingUnit"], found["ConsumedUnit"], found["SkuMeter"]) == (
        "1000000 Tokens",
        "Tokens",
        "Input Tokens",
    )


def test_a_rate_of_one_s_own_is_its_list_price(state: Path, records: list) -> None:
    own = [row for row in exported(state) if row["ServiceProviderName"] == "Example Bank"]
    assert own
    assert {row["ListUnitPrice"] for row in own} == {row["ContractedUnitPrice"] for row in own} == {"0.04"}


def test_names_come_from_the_kind_and_from_config(state: Path, records: list) -> None:
    named = {row["ResourceId"]: row for row in exported(state, "1.3")}
    openai, azure = named["openai/gpt-x"], named["azure/gpt-x"]
    assert (openai["ProviderName"], openai["ServiceName"], openai["BillingAccountId"]) == (
        "OpenAI",
        "OpenAI API",
        "openai",
    )
    assert (openai["RegionId"], openai["RegionName"]) == ("", "")
    assert (azure["BillingAccountId"], azure["InvoiceIssuerName"]) == ("sub-1", "A Reseller")
    assert (azure["RegionId"], azure["RegionName"]) == ("swedencentral", "Sweden Central")
    assert named["anthropic/claude-y"]["RegionId"] == "eu"


def test_retries_have_an_account_of_their_own(state: Path, records: list) -> None:
    rows = exported(state)
    accounts = {(row["SubAccountId"], row["SubAccountName"], row["SubAccountType"]) for row in rows}
    assert ("gateway:retries", "Retries", "Gateway Overhead") in accounts
    assert ("bank/loans", "Loans", "Team") in accounts
    assert ("shop/risk", "risk", "Team") in accounts, "a team without a name is called by its id"
    retries = sum(Decimal(row["BilledCost"]) for row in rows if row["SubAccountId"] == "gateway:retries")
    nano = sum(one.cost_nano or 0 for record in records for one in record.attempts if one.account)
    assert retries == Decimal(nano).scaleb(-9) > 0


def test_nobody_is_named(state: Path, records: list) -> None:
    assert any(record.key_id.startswith("user_") for record in records)
    credentials = {row["x_CredentialId"] for row in exported(state)}
    assert credentials == {"", "key_a", "key_b"}


def test_what_has_no_price_is_left_out_and_told(state: Path, records: list) -> None:
    with focus_export(LedgerPlace(state / "ledger.db"), MAKER, Period(OCTOBER, WINTER)) as export:
        assert not [row for row in export.rows if row["ResourceId"] == "openai/new"]
        (told,) = export.left_out
    attempts = [one for record in records for one in record.attempts if one.pricing == "unpriced"]
    assert (told.target, told.meter, told.charges) == ("openai/new", "input_tokens", len(attempts))


def test_a_period_is_cut_where_it_is_asked_to(state: Path, records: list) -> None:
    october = sum(Decimal(row["BilledCost"]) for row in exported(state, period=Period(OCTOBER, NOVEMBER)))
    rest = sum(Decimal(row["BilledCost"]) for row in exported(state, period=Period(NOVEMBER, WINTER)))
    assert october == billed(records, OCTOBER_NS + MONTH_NS)
    assert october + rest == billed(records)


def test_a_team_gets_its_own_rows_only(state: Path, records: list) -> None:
    scope = {"tenant": "bank", "team": "risk"}
    rows = exported(state, period=Period(OCTOBER, WINTER, scope=scope))
    assert {(row["x_GatewayTenant"], row["x_GatewayTeam"]) for row in rows} == {("bank", "risk")}
    of_team = [record for record in records if (record.tenant, record.team) == ("bank", "risk")]
    assert sum(Decimal(row["BilledCost"]) for row in rows) == billed(of_team)


@pytest.mark.parametrize(
    ("since", "until", "bucket", "said"),
    [
        (OCTOBER + timedelta(minutes=30), WINTER, "hour", "whole hour"),
        (OCTOBER + timedelta(hours=3), WINTER, "day", "whole day"),
        (WINTER, OCTOBER, "hour", "before it begins"),
    ],
)
def test_a_period_that_is_none_is_refused(
    state: Path, since: datetime, until: datetime, bucket: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        exported(state, period=Period(since, until, bucket))


def test_parquet_holds_the_same_as_csv(state: Path, records: list, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with focus_export(LedgerPlace(state / "ledger.db"), MAKER, Period(OCTOBER, WINTER)) as export:
        write_parquet(export.rows, "1.4", tmp_path / "focus.parquet")
    table = parquet.read_table(tmp_path / "focus.parquet")
    rows = exported(state)
    assert table.num_rows == len(rows)
    assert table.column_names == list(rows[0])
    assert sum(table["BilledCost"].to_pylist()) == billed(records)
    assert [one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in table["ChargePeriodStart"].to_pylist()] == [
        row["ChargePeriodStart"] for row in rows
    ]
    assert [one or "" for one in table["Tags"].to_pylist()] == [row["Tags"] for row in rows]
    assert table.schema.metadata[b"focus_version"] == b"1.4"


def correction() -> Line:
    """Half a dollar given back, in November, for an hour of October."""
    hour = int(OCTOBER.timestamp())
    return Line(
        start=hour, end=hour + 3600, tenant="bank", team="loans", key_id="key_a", prompt_id="", agent="", tags="",
        provider="openai", target="openai/gpt-x", served_model="gpt-x-2026", meter="input_tokens", tier="", region="",
        image_size="", image_quality="", account="", per=1_000_000, rate=None, list_rate=None, price_version="b00k/new",
        charges=1, quantity=1_000_000, nano=-500_000_000, list_nano=0, unpriced=0,
        billed_at=int(NOVEMBER.timestamp()) + 86_400, correction=True,
    )  # fmt: skip


def test_an_adjustment_of_a_closed_period_is_a_correction_in_a_later_one() -> None:
    row = read(b"".join(csv_pieces([MAKER.row(correction())], "1.4")))[1][0]
    assert (row["ChargeClass"], row["ChargeCategory"], row["BilledCost"]) == ("Correction", "Usage", "-0.5")
    assert (row["ChargePeriodStart"], row["BillingPeriodStart"]) == ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ("", None),
        ('{"app":"x"}', '{"app":"x"}'),
        ('{"deep":{"a":[1]}}', '{"deep":"{\\"a\\":[1]}"}'),
        ("[1,2]", '{"gateway/tags":"[1,2]"}'),
        ("no json", '{"gateway/tags":"no json"}'),
    ],
)
def test_tags_are_one_flat_object(tags: str, text: str | None) -> None:
    assert tags_text(tags, "", "") == text


def test_our_own_tags_have_a_prefix() -> None:
    assert tags_text('{"a":1}', "p@1", "bot") == '{"a":1,"gateway/agent":"bot","gateway/prompt":"p@1"}'


def test_no_ledger_yet_is_an_export_without_rows(tmp_path: Path) -> None:
    with focus_export(LedgerPlace(tmp_path / "ledger.db"), MAKER, Period(OCTOBER, NOVEMBER)) as export:
        names, rows = read(b"".join(csv_pieces(export.rows, "1.4")))
    assert rows == []
    assert faults(names, rows, "1.4") == []


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        with focus_export(LedgerPlace(tmp_path / "ledger.db"), MAKER, Period(OCTOBER, NOVEMBER)):
            pass


def test_the_rules_see_what_is_wrong(state: Path, records: list) -> None:
    """The check itself: each of these is one slip, and it is found."""
    good = exported(state)
    names = list(good[0])

    def slipped(**values: str) -> list[str]:
        return faults(names, [{**good[0], **values}], "1.4")

    assert slipped() == []
    slips: Iterator[tuple[str, str]] = iter(
        {
            "BilledCost": "1E-9", "ListCost": "99", "BillingPeriodEnd": "2026-10-31T00:00:00Z", "ChargeCategory": "Use",
            "ChargePeriodStart": "2026-10-01 00:00:00", "PricingUnit": "1,000 tokens", "Tags": '{"a":{}}', "SkuMeter": "",
            "SkuPriceDetails": '{"TokenDirection":"Input"}', "BillingCurrency": "Dollar", "RegionName": "nowhere",
            "ChargeClass": "Correction",
        }.items()
    )  # fmt: skip
    for name, value in slips:
        assert slipped(**{name: value}), f"{name} may not be {value}"
    assert faults(["ProviderName", *names], [], "1.4") == ["ProviderName is no column of 1.4"]
    assert faults(names, [good[0], good[0]], "1.4") != []


def test_what_is_in_memory_is_one_period_and_one_piece(tmp_path: Path) -> None:
    fill(tmp_path, count=1_500)
    tracemalloc.start()
    with focus_export(LedgerPlace(tmp_path / "ledger.db"), MAKER, Period(OCTOBER, WINTER)) as export:
        size = sum(map(len, csv_pieces(export.rows, "1.4")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 1_500_000
    assert peak < size / 2
