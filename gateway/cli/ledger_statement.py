"""`gateway ledger statement`: what teams used in a month, as HTML to send and to print."""

import argparse
import sys
import time
from pathlib import Path

from gateway.alerting import spent_of
from gateway.budgets import budget_levels, of_team
from gateway.cli.arguments import Verbs, add_config, month, verb
from gateway.config import Settings, read_config
from gateway.core.live import Live
from gateway.exports import currency_of, team_names
from gateway.identity.tenants import read_tenants
from gateway.ledger.alerts.budgets import BudgetLevel
from gateway.ledger.months import Month
from gateway.ledger.reading import ledger_reader
from gateway.ledger.statement.figures import NOTHING, TeamLine, figures, teams
from gateway.ledger.statement.index import file_of, index
from gateway.ledger.statement.page import Statement, page
from gateway.ledger.store import LedgerUnavailable
from gateway.policyset import read_policies
from gateway.stores.documents import DocumentError
from gateway.stores.reading import Reader


def add_to(actions: Verbs) -> None:
    parser = verb(
        actions,
        "statement",
        "write what a team used in a month as HTML; without --team, of all teams into a folder",
        "gateway ledger statement --tenant demo --team quickstart --month 2026-10 --out quickstart.html",
    )
    add_config(parser)
    parser.add_argument("--month", type=month, required=True, metavar="YYYY-MM", help="a calendar month of UTC")
    parser.add_argument("--tenant", help="only this tenant")
    parser.add_argument("--team", help="only this team of the tenant")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="a file for one team, a folder for all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    tenants = read_tenants(settings.policies_dir / "tenants.yaml")
    if options.team is not None and options.tenant is None:
        return _wrong("a team is one of a tenant: give --tenant too")
    if options.team is not None and not tenants.declares(options.tenant, options.team):
        return _wrong(
            f"the team `{options.team}` of tenant `{options.tenant}` is not declared in policies/tenants.yaml"
        )
    written = Writing(settings, options.month, team_names(tenants))
    try:
        with ledger_reader(settings.ledger) as reader:
            if options.team is not None:
                written.one(reader, options.tenant, options.team, options.out)
                return 0
            found = [] if reader is None else teams(reader, written.month)
            found = [one for one in found if options.tenant in (None, one.tenant) and one.team]
            written.all(reader, found, options.out)
    except (LedgerUnavailable, OSError) as error:
        return _wrong(str(error))
    statements = "1 statement" if len(found) == 1 else f"{len(found)} statements"
    nothing = "" if found else f"; no team has a call in {written.month}"
    print(f"{statements} in {options.out}, and {options.out / 'index.html'}{nothing}")
    return 0


class Writing:
    """Writes statements of a month."""

    def __init__(self, settings: Settings, month: Month, names: dict[tuple[str, str], str]) -> None:
        self.month = month
        self._currency = currency_of(settings)
        self._names = names
        self._made_at = time.time()
        self._budgets = _budgets(settings, month, self._made_at)

    def one(self, reader: Reader | None, tenant: str, team: str, out: Path) -> None:
        found = NOTHING if reader is None else figures(reader, tenant, team, self.month)
        said = Statement(
            tenant=tenant,
            team=team,
            team_name=self._names.get((tenant, team), ""),
            month=self.month,
            currency=self._currency,
            figures=found,
            budgets=of_team(self._budgets, tenant, team),
            made_at=self._made_at,
        )
        out.write_text(page(said), encoding="utf-8")

    def all(self, reader: Reader | None, found: list[TeamLine], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            out = folder / file_of(one.tenant, one.team)
            out.parent.mkdir(exist_ok=True)
            self.one(reader, one.tenant, one.team, out)
        (folder / "index.html").write_text(index(found, self.month, self._currency), encoding="utf-8")


def _budgets(settings: Settings, month: Month, now: float) -> list[BudgetLevel]:
    """As they stand, or as they stood when the month ended, by the limits of today. Policies that do not validate take
    nothing from the rest of a statement."""
    try:
        policies = read_policies(settings.policies_dir, settings.wiring)
        spent = spent_of(settings, Live(policies.catalogue), Live(policies.limits))
        return budget_levels(policies.limits, spent, min(now, month.after().begin.timestamp() - 1))
    except DocumentError as error:
        print(f"warning: budgets are left out: {error}", file=sys.stderr)
        return []


def _wrong(said: str) -> int:
    print(f"error: {said}", file=sys.stderr)
    return 1
