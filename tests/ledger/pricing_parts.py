"""Calls that a real price book priced, and the same book's answer for what the ledger holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from keeping import place_of
from ledger_parts import START_NS, Desk, closed_record

from gateway.catalogue.prices import Costed, PriceBook, Priced, read_prices
from gateway.catalogue.prices.repricing import again
from gateway.core.attempt import MIRRORS, Attempt, Terms
from gateway.core.bought import Bought
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.core.wiring import Wiring
from gateway.ledger.adjusting.booking import Asked
from gateway.ledger.adjusting.finding import Wanted
from gateway.ledger.adjusting.repricing import Outcome, reprice
from gateway.ledger.reports import usage
from gateway.stores.documents import Text

WIRED = Wiring(providers=frozenset({"own"}), price_providers={"own": "none"})
LAST_NS = 2**63 - 1
NOW_NS = START_NS + 3 * 86_400_000_000_000
Rates = Mapping[str, Mapping[str, str]]


def book_of(rates: Rates, extra: str = "") -> PriceBook:
    """`rates`: by model, what `per_million_tokens` says."""
    lines = ["currency: USD", "base: none", "prices:" if rates else "prices: []"]
    for model, prices in rates.items():
        lines += [f"  - id: of-{model}", "    provider: own", f"    models: [{model}]", "    from: 2020-01-01"]
        lines.append(f"    per_million_tokens: {{{', '.join(f'{name}: {price}' for name, price in prices.items())}}}")
    return read_prices(Text("prices.yaml", "\n".join([*lines, extra]).encode()), WIRED)


def bought(number: int, book: PriceBook, model: str = "m", used: Usage | None = None, **fields: Any) -> Record:
    """A call as the gateway records it: the attempt that served, and a mirror that used a part of the same."""
    started_ns = fields.pop("started_ns", START_NS + number * 60_000_000_000)
    used = used or Usage(input_tokens=1_000 + number, cached_input_tokens=7 * number, output_tokens=333 * number)
    mirrored = Usage(input_tokens=number + 1)
    attempts = tuple(
        _attempt(book, n, model, one, started_ns, account)
        for n, one, account in ((1, used, ""), (2, mirrored, MIRRORS))
    )
    served = attempts[0]
    known: dict[str, Any] = {
        "model": f"our-{model}",
        "target": f"own/{model}",
        "served_model": f"{model}-2026",
        "usage": used,
        "pricing": served.pricing,
        "cost_nano": served.cost_nano,
        "list_nano": served.list_nano,
        "team": f"t{number % 2}",
        "attempts": attempts,
        "price_version": served.price_version,
    }
    return msgspec.structs.replace(closed_record(number, **{**known, **fields}), started_ns=started_ns)


def _attempt(book: PriceBook, n: int, model: str, used: Usage, started_ns: int, account: str) -> Attempt:
    costed = book.charges(
        Priced(provider="own", model=model, served_model=f"{model}-2026", usage=used, at_s=started_ns / 1e9)
    )
    return Attempt(
        n=n,
        role="mirror" if account else "primary",
        served=not account,
        started_ns=started_ns,
        provider="own",
        target=f"own/{model}",
        served_model=f"{model}-2026",
        outcome="completed",
        upstream_request_id=f"up-{n}",
        usage=used,
        usage_source="provider",
        terms=Terms(tier="default"),
        account=account,
        pricing=costed.pricing,
        price_version=costed.price_version,
        unpriced=costed.unpriced,
        charges=costed.charges,
    )


def pricing(book: PriceBook) -> Callable[[Bought], Costed]:
    return lambda one: again(one, book)


def repriced(desk: Desk, book: PriceBook, now_ns: int = NOW_NS, dry_run: bool = False, **wanted: Any) -> Outcome:
    asked = Asked(by="cli:tests", reason="the contract was read wrongly", book=book.version)
    period = {"since_ns": 0, "until_ns": LAST_NS, **wanted}
    return reprice(place_of(desk), Wanted(**period), pricing(book), asked, lambda: now_ns, dry_run=dry_run)


def money(desk: Desk, *by: str, **period: Any) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Cost, published cost and calls without a price, as reports have it."""
    rows = usage(place_of(desk), by, **period)
    return {tuple(row.group.values()): (row.cost_nano, row.list_nano, row.unpriced) for row in rows}


def expected(records: Sequence[Record], book: PriceBook) -> tuple[int, int, int]:
    """The same, priced by the book without the ledger."""
    cost = listed = unpriced = 0
    for record in records:
        served = record.attempts[0]
        costed = book.charges(
            Priced(
                provider="own",
                model=served.target.partition("/")[2],
                served_model=served.served_model,
                usage=served.usage or Usage(),
                at_s=served.started_ns / 1e9,
                terms=served.terms,
            )
        )
        cost, listed = cost + (costed.nano or 0), listed + (costed.list_nano or 0)
        unpriced += costed.pricing == "unpriced"
    return cost, listed, unpriced
