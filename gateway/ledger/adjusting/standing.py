"""What stands charged for a call to an upstream, and the rows that change it: pure, and the same for every store."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from gateway.core.attempt import Charge
from gateway.ledger.rows import SEAL_BYTES
from gateway.ledger.sums import CHARGE_SUMS

LATE = "correction:"
REPRICING_COLUMNS = (
    *("id", "made_ns", "made_by", "reason", "book", "since_ns", "until_ns", "provider", "model", "adjustments"),
    "link",
)
ADJUSTMENT_COLUMNS = (
    *("repricing", "call", "n", "booked_ns", "late", "served", "pricing", "price_version", "why"),
    *("nano", "list_nano", "unpriced"),
)
_CHARGE = Charge.__struct_fields__
ADJUSTED_COLUMNS = ("repricing", "call", "n", "seq", "sign", *_CHARGE, "price_version")
_SIGNED = ("quantity", "nano", "list_nano")

Row = dict[str, Any]
_encode = msgspec.msgpack.Encoder().encode


class Costed(Protocol):
    """What a price book says that something costs (`catalogue/prices/asking.py`)."""

    @property
    def charges(self) -> tuple[Charge, ...]: ...

    @property
    def pricing(self) -> str: ...

    @property
    def price_version(self) -> str: ...

    @property
    def unpriced(self) -> str: ...


class Standing(msgspec.Struct, frozen=True):
    """What is charged. `why`: there is no price."""

    pricing: str
    price_version: str
    why: str
    charges: tuple[Charge, ...]

    @property
    def cost_nano(self) -> int | None:
        return sum(charge.nano or 0 for charge in self.charges) if self.pricing == "priced" else None

    @property
    def list_nano(self) -> int | None:
        return sum(charge.list_nano or 0 for charge in self.charges) if self.pricing == "priced" else None

    def is_same(self, other: "Standing") -> bool:
        """Whether the same is charged for the same. That another edition of the book says so changes nothing."""
        return self.pricing == other.pricing and self._owed() == other._owed()

    def _owed(self) -> list[tuple[str, int, int | None, int | None]]:
        return sorted((one.meter, one.quantity, one.nano, one.list_nano) for one in self.charges)


def standing_of(costed: Costed) -> Standing:
    return Standing(costed.pricing, costed.price_version, costed.unpriced, costed.charges)


class Change(msgspec.Struct, frozen=True):
    """One call to an upstream that costs something else.

    Attributes:
        call_ns: when its call began, which is the hour that it was counted in. served: its team pays for it.
        inputs, decided: what the call is summed by (`sums.USAGE_INPUTS`, `rollup.INPUTS`).
        place: what a SKU says besides the meter, its rates and the price version, in the order of `sums.SKU`.
    """

    call: str
    n: int
    call_ns: int
    served: bool
    inputs: tuple[str | int, ...]
    decided: tuple[str, ...]
    place: tuple[str, ...]
    before: Standing
    after: Standing

    @property
    def nano(self) -> int:
        return (self.after.cost_nano or 0) - (self.before.cost_nano or 0)

    @property
    def list_nano(self) -> int:
        return (self.after.list_nano or 0) - (self.before.list_nano or 0)

    @property
    def unpriced(self) -> int:
        """By how many calls without a price there are more (1) or fewer (-1)."""
        return (self.after.pricing == "unpriced") - (self.before.pricing == "unpriced")


def adjustment_row(change: Change, repricing: int, booked_ns: int, late: bool) -> Row:
    after = change.after
    values = (
        *(repricing, change.call, change.n, booked_ns, int(late), int(change.served)),
        *(after.pricing, after.price_version, after.why, change.nano, change.list_nano, change.unpriced),
    )
    return dict(zip(ADJUSTMENT_COLUMNS, values, strict=True))


def charge_rows(change: Change, repricing: int) -> list[Row]:
    """First everything that is taken back, then everything that is charged instead."""
    found: list[Row] = []
    for sign, standing in ((-1, change.before), (1, change.after)):
        for charge in standing.charges:
            row: Row = {name: getattr(charge, name) for name in _CHARGE}
            row |= {name: row[name] * sign for name in _SIGNED if row[name] is not None}
            names = {"repricing": repricing, "call": change.call, "n": change.n, "seq": len(found), "sign": sign}
            found.append({**names, **row, "price_version": standing.price_version})
    return found


def charge_sums(row: Row) -> list[int]:
    """What a charge's row adds to the sums of CHARGE_SUMS."""
    sign = row["sign"]
    sums = [sign, row["quantity"], row["nano"] or 0, row["list_nano"] or 0, sign * (row["nano"] is None)]
    assert len(sums) == len(CHARGE_SUMS), "the same columns"
    return sums


def late_version(price_version: str, day: int) -> str:
    """What stands for the price version in the sums of an hour in which a closed month was corrected: so that such sums
    are apart from that hour's own, and say which day (since the epoch) they are of."""
    return f"{LATE}{day}:{price_version}"


def late_day(version: str) -> tuple[int, str] | None:
    """The day and the price version that `late_version` put together; None if it did not."""
    if not version.startswith(LATE):
        return None
    day, _, price_version = version.removeprefix(LATE).partition(":")
    return int(day), price_version


def repricing_seal(row: Row) -> bytes:
    return blake2b(_encode([row[name] for name in REPRICING_COLUMNS]), digest_size=SEAL_BYTES).digest()


def adjustment_seal(row: Row, charges: Sequence[Row]) -> bytes:
    """Seals are kept for ever, so what is sealed may never change."""
    own = [row[name] for name in ADJUSTMENT_COLUMNS]
    below = [[charge[name] for name in ADJUSTED_COLUMNS] for charge in charges]
    return blake2b(_encode((own, below)), digest_size=SEAL_BYTES).digest()
