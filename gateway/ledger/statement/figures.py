"""What the ledger's sums say of a team's month. Days are those of UTC, as in everything that is billed."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from gateway.ledger.focus.meters import consumed, meter_of, pricing_unit
from gateway.ledger.months import Month
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

EPOCH = date(1970, 1, 1)


class Day(msgspec.Struct, frozen=True):
    day: date
    calls: int = 0
    cost_nano: int = 0
    unpriced: int = 0
    estimated: int = 0


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a team called a model, where it was sent, and what came of it. `model` and `target` may be empty: calls that
    were refused before either was known."""

    model: str
    target: str
    calls: int
    refused: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost_nano: int
    list_nano: int
    unpriced: int
    estimated: int


class MeterLine(msgspec.Struct, frozen=True):
    """One thing bought at one price. `quantity` in `unit`; `rate`: nano-units for a `priced_for`; None: not known."""

    target: str
    meter: str
    tier: str
    quantity: str
    unit: str
    rate: int | None
    priced_for: str
    nano: int
    unpriced: int


class Budget(msgspec.Struct, frozen=True):
    """How much of a limit on money is used. `words`: whose and for how long; amounts in nano-units."""

    words: str
    used_nano: int
    maximum_nano: int


class OwnLine(msgspec.Struct, frozen=True):
    """What one of the gateway's own accounts paid for the team's calls. unpriced: how many charges have no price."""

    account: str
    nano: int
    unpriced: int


class TeamLine(msgspec.Struct, frozen=True):
    """`own_nano`: what the gateway's own accounts paid for its calls, which is not in its cost."""

    tenant: str
    team: str
    calls: int
    cost_nano: int
    unpriced: int
    own_nano: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`days`: every day of the month, used or not. `own`: in none of the sums. `link`: the ledger's newest link and its
    digest, by which it can be shown later what the ledger was; empty: there is none."""

    days: list[Day]
    models: list[ModelLine]
    meters: list[MeterLine]
    own: list[OwnLine] = []
    link: str = ""

    @property
    def cost_nano(self) -> int:
        return sum(one.cost_nano for one in self.models)

    @property
    def list_nano(self) -> int:
        return sum(one.list_nano for one in self.models)

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.models)

    @property
    def unpriced(self) -> int:
        return sum(one.unpriced for one in self.models)

    @property
    def estimated(self) -> int:
        return sum(one.estimated for one in self.models)


NOTHING = Figures(days=[], models=[], meters=[])


def figures(reader: Reader, tenant: str, team: str, month: Month) -> Figures:
    """Of one team.

    Raises:
        StoreUnavailable: the ledger cannot be read.
    """
    queries = named_queries("gateway.ledger.statement")
    values = {**month.days, "tenant": tenant, "team": team}
    found = {row["day"]: row for row in reader.rows(queries["days"], values)}
    days = [_day(number, found.get(number, {})) for number in range(*month.days.values())]
    models = [ModelLine(**row) for row in reader.rows(queries["models"], values)]
    meters = [_meter(row) for row in reader.rows(queries["meters"], values)]
    own = [OwnLine(**row) for row in reader.rows(queries["own"], values) if row["nano"] or row["unpriced"]]
    link = reader.one(queries["last_link"])
    return Figures(days=days, models=models, meters=meters, own=own, link=_link(link))


def teams(reader: Reader, month: Month) -> list[TeamLine]:
    """Every team that called anything."""
    queries = named_queries("gateway.ledger.statement")
    own = {(row["tenant"], row["team"]): row["nano"] for row in reader.rows(queries["own_of_teams"], month.days)}
    rows = reader.rows(queries["teams"], month.days)
    return [TeamLine(**row, own_nano=own.get((row["tenant"], row["team"]), 0)) for row in rows]


def _day(number: int, row: Mapping[str, Any]) -> Day:
    return Day(EPOCH + timedelta(days=number), **{name: row[name] for name in row if name != "day"})


def _meter(row: Mapping[str, Any]) -> MeterLine:
    meter, per = meter_of(row["meter"]), row["per"] or 1
    return MeterLine(
        row["target"],
        meter.name,
        row["tier"],
        format(consumed(meter, row["quantity"]), "f"),
        meter.unit,
        row["rate"],
        pricing_unit(meter, per),
        row["nano"],
        row["unpriced"],
    )


def _link(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else f"{row['seq']}:{bytes(row['digest']).hex()}"
