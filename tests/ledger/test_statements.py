"""Statements: their figures are the ledger's, and names are nothing but text in them."""

import re
import shutil
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from ledger_parts import closed_record, ledger_at
from spending import HOUR_NS, OCTOBER_NS, fill

from gateway.ledger.months import Month
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.statement.chart import STEPS, chart, nice_step
from gateway.ledger.statement.figures import NOTHING, Budget, Day, Figures, figures, teams
from gateway.ledger.statement.index import file_of, index
from gateway.ledger.statement.page import Statement, page
from gateway.ledger.statement.words import amount, exact
from gateway.pages.words import name
from tests.pages.reading import Reading

OCTOBER = Month(2026, 10)
MONTH_NS = 31 * 24 * HOUR_NS
HOSTILE = "</title><script>alert(1)</script>\u202egnp.\x1b[2J"


def statement(found: Figures, **fields: object) -> str:
    known = {"tenant": "bank", "team": "loans", "team_name": "Loans", "month": OCTOBER, "currency": "USD"}
    return page(Statement(**{**known, "figures": found, "made_at": 1_793_600_000.0, **fields}))  # type: ignore[arg-type]


def of_team(state: Path, tenant: str = "bank", team: str = "loans") -> Figures:
    with ledger_reader(LedgerPlace(state / "ledger.db")) as reader:
        assert reader is not None
        return figures(reader, tenant, team, OCTOBER)


def test_the_figures_are_the_ledger_s(tmp_path: Path) -> None:
    records = fill(tmp_path)
    of = [
        one for one in records if (one.tenant, one.team) == ("bank", "loans") and one.started_ns < OCTOBER_NS + MONTH_NS
    ]
    found = of_team(tmp_path)
    cost = sum(one.cost_nano or 0 for one in of)
    assert found.cost_nano == cost > 0
    assert sum(one.nano for one in found.meters) == cost, "meters add up to it"
    assert sum(one.cost_nano for one in found.days) == cost, "and days do"
    assert (found.calls, len(found.days)) == (len(of), 31)
    assert found.unpriced == sum(one.pricing == "unpriced" for one in of) > 0
    assert found.estimated == sum(one.usage_source == "estimate" for one in of) > 0
    assert exact(cost) in Reading(statement(found)).text


def test_all_teams_add_up_to_the_month(tmp_path: Path) -> None:
    records = fill(tmp_path)
    with ledger_reader(LedgerPlace(tmp_path / "ledger.db")) as reader:
        assert reader is not None
        found = teams(reader, OCTOBER)
    of = [one for one in records if one.started_ns < OCTOBER_NS + MONTH_NS]
    assert sum(one.cost_nano for one in found) == sum(one.cost_nano or 0 for one in of)
    text = Reading(index(found, OCTOBER, "USD"))
    links = [attributes["href"] for tag, attributes in text.tags if tag == "a"]
    assert links == ["bank/loans.html", "bank/risk.html", "shop/loans.html", "shop/risk.html"]


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    found = of_team(tmp_path)
    text = Reading(statement(found)).text
    assert f"{found.unpriced} calls without a known price" in text
    assert f"openai/new: {found.unpriced} calls" in text
    assert f"{found.estimated} calls estimated" in text


def test_what_has_no_price_is_named_once_by_whatever_names_it_was_asked_for(tmp_path: Path) -> None:
    unpriced = {"tenant": "bank", "team": "loans", "target": "mocka/m1", "pricing": "unpriced", "cost_nano": None}
    names = ("m1", "fast", "m1")
    records = [
        closed_record(number, model=asked, started_ns=OCTOBER_NS + number * HOUR_NS, **unpriced)
        for number, asked in enumerate(names)
    ]
    with ledger_at(tmp_path) as ledger:
        ledger.commit(records, "w.jnl", 1)
    text = Reading(statement(of_team(tmp_path))).text
    assert text.count("mocka/m1: ") == 1
    assert "mocka/m1: 3 calls" in text


def test_names_are_nothing_but_text(tmp_path: Path) -> None:
    record = closed_record(
        1, tenant=HOSTILE, team=HOSTILE, model=HOSTILE, target=f"p/{HOSTILE}", started_ns=OCTOBER_NS + HOUR_NS
    )
    with ledger_at(tmp_path) as ledger:
        ledger.commit([record], "w.jnl", 1)
    found = of_team(tmp_path, HOSTILE, HOSTILE)
    assert found.calls == 1
    budgets = [Budget(HOSTILE, 1, 2)]
    read = Reading(statement(found, tenant=HOSTILE, team=HOSTILE, team_name=HOSTILE, currency=HOSTILE, budgets=budgets))
    assert "script" not in [tag for tag, _ in read.tags]
    assert "\u202e" not in read.text
    assert "\x1b" not in read.text


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path)
    text = statement(of_team(tmp_path))
    assert not re.search(r"https?://|//|@import|url\(|<script|<link|<img", text)
    read = Reading(text)
    policy = next(attributes["content"] for tag, attributes in read.tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_a_page_can_be_read_without_seeing_it(tmp_path: Path) -> None:
    fill(tmp_path)
    read = Reading(statement(of_team(tmp_path), budgets=[Budget("monthly", 50, 100)]))
    tags = [tag for tag, _ in read.tags]
    assert dict(read.tags)["html"]["lang"] == "en"
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") == tags.count("thead") == tags.count("tfoot") == 3
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in read.tags if tag == "th")
    for tag, attributes in read.tags:
        if attributes.get("role") == "img":
            assert attributes.get("aria-label") or attributes.get("aria-labelledby"), tag


def test_a_month_without_a_call_says_so() -> None:
    assert "Nothing was used" in Reading(statement(NOTHING)).text


def test_a_month_that_runs_says_so() -> None:
    assert "not over" in Reading(statement(NOTHING, made_at=1_793_000_000.0)).text
    assert "not over" not in Reading(statement(NOTHING)).text


def test_a_budget_that_is_over_says_by_how_much() -> None:
    text = Reading(statement(NOTHING, budgets=[Budget("monthly", 8_100 * 10**9, 8_000 * 10**9)])).text
    assert "101 % used" in text
    assert "100.0000 over" in text


@pytest.mark.parametrize("tenant", ["..", ".", "a/b", "", ".hidden", "a b", "ü", "%2E"])
def test_names_make_one_file_below_the_folder(tenant: str, tmp_path: Path) -> None:
    path = (tmp_path / file_of(tenant, "..")).resolve()
    assert path.parent.parent == tmp_path
    assert path.parent != tmp_path / ".."


@pytest.mark.parametrize("most", [0, 1, 3, 7, 10**9, 123_456_789_123, 999 * 10**15])
def test_the_lines_of_the_chart_reach_over_the_highest_bar(most: int) -> None:
    step = nice_step(most)
    assert step * STEPS >= most
    assert step * STEPS <= max(most, 1) * 2.5 + STEPS
    assert str(step).rstrip("0") in {"1", "2", "25", "5"}


def test_a_day_that_costs_almost_nothing_can_be_seen() -> None:
    days = [Day(date(2026, 10, 1), 1, 10**12), Day(date(2026, 10, 2), 1, 1), Day(date(2026, 10, 3), 1, 0, unpriced=1)]
    svg = Reading(chart(days, "USD"))
    assert [float(attributes["height"] or 0) >= 1 for tag, attributes in svg.tags if tag == "rect"] == [True, True]
    assert [tag for tag, _ in svg.tags].count("circle") == 1


def test_amounts() -> None:
    assert (amount(0), amount(1), amount(123_456_789_000)) == ("0.0000", "&lt; 0.0001", "123.4568")
    assert (exact(1_500_000_000), exact(1), exact(1_234_567 * 10**9)) == ("1.50", "0.000000001", "1,234,567.00")
    assert Decimal(exact(10**18).replace(",", "")) == 10**9
    assert name("<b>\x07") == "<bdi>&lt;b&gt;\\u0007</bdi>"


def test_a_real_browser_lays_it_out(tmp_path: Path) -> None:
    """On a phone nothing is wider than the screen; what is wide scrolls in its own frame."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    fill(tmp_path)
    probe = "<script>document.title=`${document.documentElement.scrollWidth} ${document.querySelectorAll('tbody tr').length}`</script>"
    text = statement(of_team(tmp_path)).replace("default-src 'none'", "script-src 'unsafe-inline'")
    (tmp_path / "page.html").write_text(text.replace("</body>", f"{probe}</body>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900", "--dump-dom"]
    done = subprocess.run([*command, f"--user-data-dir={tmp_path / 'profile'}", f"file://{tmp_path}/page.html"], capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    found = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert found is not None
    assert int(found[1]) <= 500
    assert int(found[2]) > 20
