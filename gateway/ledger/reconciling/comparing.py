"""Finding what differs between what was stated and what was booked, and its word (`differences.py`): pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from gateway.ledger.reconciling.booked import REASONS, Booked, Doubtful, Sum
from gateway.ledger.reconciling.differences import CENT, ZERO, Cell, Difference, added
from gateway.ledger.reconciling.stated import EXACT, METERS, TOOLS, Export, Stated


class Told(msgspec.Struct, kw_only=True):
    """What the exports tell, all together."""

    meters: frozenset[str] = frozenset()
    quantity_days: frozenset[date] = frozenset()
    cost_days: frozenset[date] = frozenset()
    requests: bool = False
    cost: bool = False
    by_model: bool = False
    tools_apart: bool = False


def told(exports: Sequence[Export]) -> Told:
    usage = [export for export in exports if export.meters]
    costs = [export for export in exports if export.tells_cost]
    meters = frozenset(meter for export in exports for meter in export.meters)
    if {"cache write", "cache write 5m"} <= meters:
        meters -= {"cache write"}
    return Told(
        meters=meters,
        quantity_days=frozenset(day for export in usage for day in export.days),
        cost_days=frozenset(day for export in costs for day in export.days),
        requests=any(export.tells_requests for export in exports),
        cost=bool(costs),
        by_model=any(line.model for export in costs for line in export.lines if line.cost is not None),
        tools_apart=any(export.tools_apart for export in costs),
    )


class Comparison:
    """`of_name`: the name under which a model is compared. `tolerance`: a part, such as 0.005. `costs`: money is
    compared (both sides are in the same currency)."""

    def __init__(self, known: Told, of_name: Mapping[str, str], tolerance: Decimal, costs: bool) -> None:
        self._told = known
        self._name = of_name
        self._tolerance = tolerance
        self._costs = costs and known.cost

    def cells(
        self,
        lines: Iterable[Stated],
        booked: Mapping[tuple[date, str], Booked],
        doubtful: Iterable[Doubtful],
        days: Iterable[date],
    ) -> list[Cell]:
        theirs: dict[tuple[date, str], list[Stated]] = defaultdict(list)
        wanted = set(days)
        for line in lines:
            if line.day in wanted:
                theirs[line.day, self._name.get(line.model, line.model)].append(line)
        ours: dict[tuple[date, str], list[Booked]] = defaultdict(list)
        for (day, model), one in booked.items():
            ours[day, self._name.get(model, model)].append(one)
            if self._costs and (not self._told.by_model or self._told.tools_apart):
                ours[day, ""].append(one)
        calls: dict[tuple[date, str], list[Doubtful]] = defaultdict(list)
        for one in doubtful:
            calls[one.day, self._name.get(one.model, one.model)].append(one)
        keys = sorted(theirs.keys() | {key for key in ours if key[0] in wanted})
        cells = [self._cell(key, theirs.get(key, []), ours.get(key, []), calls.get(key, [])) for key in keys]
        cells = [cell for cell in cells if cell.quantities or cell.cost is not None or cell.requests is not None]
        self._name_neighbours(cells)
        return cells

    def _cell(self, key: tuple[date, str], lines: list[Stated], booked: list[Booked], calls: list[Doubtful]) -> Cell:
        day, model = key
        cell = Cell(day=day, model=model)
        if day in self._told.quantity_days and model:
            cell.quantities = [_quantity(meter, lines, booked) for meter in METERS if meter in self._told.meters]
            cell.quantities = [one for one in cell.quantities if one.theirs or one.ours]
            if self._told.requests:
                stated = sum(line.requests or 0 for line in lines)
                cell.requests = Difference("requests", Decimal(stated), Decimal(sum(one.requests for one in booked)))
                if not (cell.requests.theirs or cell.requests.ours):
                    cell.requests = None
        if self._costs and day in self._told.cost_days:
            cell.cost = self._cost(model, lines, booked)
            self._split_cost(cell, booked)
        self._judge(cell, booked, calls)
        return cell

    def _cost(self, model: str, lines: Sequence[Stated], booked: Sequence[Booked]) -> Difference | None:
        if not model and not self._told.by_model:
            meters = None
        elif model:
            if not self._told.by_model:
                return None
            meters = set(_LEDGER_TOOLS) if self._told.tools_apart else set[str]()
            meters = {meter for one in booked for meter in one.meters} - meters
        else:
            meters = set(_LEDGER_TOOLS)
        ours = sum(
            sums.nano for one in booked for meter, sums in one.meters.items() if meters is None or meter in meters
        )
        stated = added(line.cost for line in lines if line.cost is not None)
        found = Difference("cost", stated, Decimal(ours).scaleb(-9))
        return found if found.theirs or found.ours else None

    def _split_cost(self, cell: Cell, booked: Sequence[Booked]) -> None:
        """How much of the difference is because of other amounts, each at our price for it, and how much because of
        other prices."""
        if cell.cost is None or not cell.quantities:
            return
        expected = ZERO
        for one in cell.quantities:
            if self._told.tools_apart and one.meter in TOOLS:
                continue
            sums = _summed(one.meter, booked)
            if one.difference and not sums.quantity:
                return
            if one.difference:
                rate = EXACT.divide(Decimal(sums.nano).scaleb(-9), Decimal(sums.quantity))
                expected = EXACT.add(expected, EXACT.multiply(one.difference, rate))
        cell.by_quantity = expected
        cell.by_price = EXACT.subtract(cell.cost.difference, expected)

    def _judge(self, cell: Cell, booked: Sequence[Booked], calls: list[Doubtful]) -> None:
        found: list[str] = []
        beyond = [one for one in cell.quantities if one.is_beyond(self._tolerance)]
        sides = [*cell.quantities, *(one for one in (cell.requests, cell.cost) if one is not None)]
        if any(one.theirs for one in sides) and not any(one.ours for one in sides):
            found.append("bypass")
        elif any(one.ours for one in sides) and not any(one.theirs for one in sides):
            found.append("missing there")
        elif beyond:
            found.append(self._why_amounts_differ(cell, calls, booked))
        elif cell.requests is not None and cell.requests.theirs > cell.requests.ours and not cell.quantities:
            found.append("bypass")
        if not found or found[0] not in ("bypass", "missing there"):
            found += self._judge_cost(cell, booked, bool(beyond))
        if (found and beyond) or "estimated" in found:
            cell.calls = sorted(calls, key=lambda one: (REASONS.index(one.why), -one.tokens, one.id, one.n))
        if not found:
            found.append(
                "rounding" if any(one.difference for one in (*cell.quantities, *_some(cell.cost))) else "exact"
            )
        cell.findings = found

    def _why_amounts_differ(self, cell: Cell, calls: Sequence[Doubtful], booked: Sequence[Booked]) -> str:
        tokens = cell.tokens
        if cell.requests is not None and cell.requests.theirs > cell.requests.ours and tokens.difference > 0:
            cell.notes.append(f"{cell.requests.difference} requests more than the ledger has")
            cut = sum(one.why in ("interrupted", "cancelled") and not one.tokens for one in calls)
            if cell.requests.difference > cut:
                return "bypass"
        if abs(tokens.difference) <= _explainable(calls, booked):
            return "estimated"
        if cell.requests is None and tokens.difference > 0:
            cell.notes.append("it may be a bypass as well: this export does not tell how many requests there were")
        return "quantity drift"

    def _judge_cost(self, cell: Cell, booked: Sequence[Booked], amounts_differ: bool) -> list[str]:
        found: list[str] = []
        if cell.cost is None:
            return found
        if any(sums.unpriced for one in booked for sums in one.meters.values()):
            found.append("unpriced")
            return found
        if cell.by_price is not None:
            reached = Difference("cost", cell.cost.theirs, EXACT.subtract(cell.cost.theirs, cell.by_price))
            if reached.is_beyond(self._tolerance, CENT):
                found.append("price drift")
        elif not amounts_differ and cell.cost.is_beyond(self._tolerance, CENT):
            found.append("price drift")
            if not cell.quantities:
                cell.notes.append("only costs were given: give the usage export too, to tell amounts from prices")
        return found

    def _name_neighbours(self, cells: Sequence[Cell]) -> None:
        """Amounts that one day has too much of and the next one too little were counted on the other side of midnight,
        if calls ran across it."""
        by_key = {(cell.day, cell.model): cell for cell in cells}
        for cell in cells:
            after = by_key.get((cell.day + timedelta(days=1), cell.model))
            if after is None or not all("quantity drift" in each.findings for each in (cell, after)):
                continue
            one, other = cell.tokens, after.tokens
            both = Difference("tokens", one.theirs + other.theirs, one.ours + other.ours)
            if (
                one.difference * other.difference < 0
                and not both.is_beyond(self._tolerance)
                and (cell.calls or after.calls)
            ):
                for each in (cell, after):
                    each.findings = ["midnight", *(word for word in each.findings if word != "quantity drift")]
                    each.notes = [note for note in each.notes if "bypass" not in note]


_LEDGER_TOOLS = tuple(meter for tool in TOOLS for meter in METERS[tool])


def _quantity(meter: str, lines: Iterable[Stated], booked: Sequence[Booked]) -> Difference:
    # An export that tells five-minute writes apart, beside one that does not, is of the same meters.
    stated = added(line.quantity for line in lines if line.quantity is not None and line.meter == meter)
    return Difference(meter, stated, Decimal(_summed(meter, booked).quantity))


def _summed(meter: str, booked: Sequence[Booked]) -> Sum:
    found = Sum()
    for one in booked:
        for name in METERS[meter]:
            sums = one.meters.get(name)
            if sums is not None:
                found.quantity, found.nano = found.quantity + sums.quantity, found.nano + sums.nano
    return found


def _explainable(calls: Sequence[Doubtful], booked: Sequence[Booked]) -> Decimal:
    """How many tokens these calls may be off by: what was estimated by as much again, and a call of which nothing is
    known by a usual one."""
    requests = sum(one.requests for one in booked)
    tokens = sum(_summed(meter, booked).quantity for meter in ("input", "cached input", "cache write", "output"))
    usual = Decimal(tokens) / requests if requests else ZERO
    doubted = [one for one in calls if one.why != "midnight"]
    return sum((Decimal(one.tokens) if one.tokens else usual for one in doubted), ZERO)


def _some(one: Difference | None) -> tuple[Difference, ...]:
    return () if one is None else (one,)
