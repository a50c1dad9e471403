"""A team's month as one HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

import msgspec

from gateway.ledger.months import Month
from gateway.ledger.statement.chart import chart
from gateway.ledger.statement.figures import Budget, Day, Figures, MeterLine, ModelLine, OwnLine
from gateway.ledger.statement.style import CSS
from gateway.ledger.statement.words import amount, exact, percent, quantity, rounded
from gateway.pages.document import document, head
from gateway.pages.words import many, name, plain, whole

SHOWN = 100


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a page tells. `made_at`: Unix seconds. `team_name`: what people call the team; may be empty."""

    tenant: str
    team: str
    team_name: str
    month: Month
    currency: str
    figures: Figures
    budgets: Sequence[Budget] = ()
    made_at: float


def page(said: Statement) -> str:
    found = said.figures
    title = f"{said.team_name or said.team}, {said.month.begin:%B %Y}"
    parts = [
        head(title, CSS, styled_by_attribute=True),
        _header(said),
        _facts(found),
        _notices(found),
        _budgets(said),
        _by_day(found.days, said),
        _models(found, said.currency),
        _meters(found.meters, found.cost_nano, said.currency),
        _days_table(found.days, said),
        _footer(said),
    ]
    return document("".join(parts))


def _header(said: Statement) -> str:
    found, currency = said.figures, name(said.currency)
    whose = name(said.team_name or said.team)
    is_over = said.made_at >= said.month.after().begin.timestamp()
    over = "" if is_over else '<p class="quiet">The month is not over: figures so far.</p>'
    return (
        f"<header><div><p class=quiet>Statement of AI usage</p><h1>{whose}, {said.month.begin:%B %Y}</h1>"
        f'<p class="quiet">Tenant {name(said.tenant)}, team {name(said.team)}</p>{over}</div>'
        f'<div class="total"><span class="quiet">Total</span><strong>{rounded(found.cost_nano)} {currency}</strong>'
        f'<span class="quiet">exactly {exact(found.cost_nano)}</span></div></header>'
    )


def _facts(found: Figures) -> str:
    facts = [
        ("Calls", whole(found.calls)),
        ("Tokens in", whole(sum(one.tokens_in for one in found.models))),
        ("Tokens out", whole(sum(one.tokens_out for one in found.models))),
        ("At list prices", amount(found.list_nano)),
        ("Without a price", many(found.unpriced, "call")),
        ("Estimated", many(found.estimated, "call")),
    ]
    return (
        '<dl class="facts">' + "".join(f"<div><dt>{word}</dt><dd>{value}</dd></div>" for word, value in facts) + "</dl>"
    )


def _notices(found: Figures) -> str:
    parts: list[str] = []
    if found.unpriced:
        which = "".join(f"<li>{label}: {many(count, 'call')}</li>" for label, count in _unpriced(found).items())
        parts.append(
            f'<div class="notice" role="note"><strong>{many(found.unpriced, "call")} without a known price.</strong> '
            f"They are not in the total, which will be higher once they have one.<ul>{which}</ul></div>"
        )
    if found.estimated:
        parts.append(
            f'<div class="notice" role="note"><strong>{many(found.estimated, "call")} estimated.</strong> '
            "Their answers were cut before the provider said what they used; it was counted from what had passed.</div>"
        )
    return "".join(parts)


def _unpriced(found: Figures) -> dict[str, int]:
    """Calls without a price by where they were sent, for that is what a price is of: by whatever names that was asked
    for, and where nothing was sent, by the name."""
    sums: dict[str, int] = {}
    for one in found.models:
        if one.unpriced:
            label = name(one.target or one.model)
            sums[label] = sums.get(label, 0) + one.unpriced
    return sums


def _budgets(said: Statement) -> str:
    if not said.budgets:
        return ""
    parts = ["<section><h2>Budgets</h2>"]
    for one in said.budgets:
        share = 100 * one.used_nano / one.maximum_nano if one.maximum_nano else 100.0
        left = one.maximum_nano - one.used_nano
        over = " over" if share >= 100 else ""
        parts.append(
            f'<div class="budget{over}"><p><span>{name(one.words)}</span><b>{share:,.0f} % used</b></p>'
            f'<p class="quiet"><span>{amount(one.used_nano)} of {amount(one.maximum_nano)} {name(said.currency)}</span>'
            f"<span>{amount(abs(left))} {'left' if left >= 0 else 'over'}</span></p>"
            f'<div class="track" role="img" aria-label="{share:.0f} % used">'
            f'<div style="width:{min(share, 100):.1f}%"></div></div></div>'
        )
    return "".join([*parts, "</section>"])


def _by_day(days: Sequence[Day], said: Statement) -> str:
    if not days:
        return ""
    mark = " A dot marks a day with calls that have no known price." if any(one.unpriced for one in days) else ""
    caption = f"<figcaption>{name(said.currency)} by day of UTC.{mark}</figcaption>"
    return (
        f"<section><h2>Cost over the month</h2><figure>{chart(days, plain(said.currency))}{caption}</figure></section>"
    )


def _models(found: Figures, currency: str) -> str:
    rows = [_model_row(one, found.cost_nano) for one in found.models[:SHOWN]]
    if rest := found.models[SHOWN:]:
        rows.append(_row(many(len(rest), "further model"), _model_sums(rest)))
    total = _model_sums(found.models)
    heads = ["Calls", "Tokens in", "Tokens out", "Share", f"Cost, {name(currency)}"]
    return _table("By model", "What was asked for, and where it was sent.", "Model", heads, rows, total)


def _model_sums(models: Sequence[ModelLine]) -> list[str]:
    counts = [whole(_sum(models, field)) for field in ("calls", "tokens_in", "tokens_out")]
    return [*counts, "", amount(_sum(models, "cost_nano"))]


def _model_row(one: ModelLine, total: int) -> str:
    asked = name(one.model) if one.model else "<i>not known</i>"
    sent = f"<br><small>{name(one.target)}</small>" if one.target and one.target != one.model else ""
    ended = [
        f"{many(count, 'call')} {word}" for count, word in ((one.refused, "refused"), (one.failed, "failed")) if count
    ]
    ending = f"<br><small>{', '.join(ended)}</small>" if ended else ""
    share = percent(one.cost_nano, total) if one.cost_nano else ""
    cost = amount(one.cost_nano)
    if one.unpriced:
        unknown = f'<span class="unknown">{whole(one.unpriced)} unpriced</span>'
        cost = unknown if not one.cost_nano else f"{cost}<br>{unknown}"
    return _row(asked + sent + ending, [whole(one.calls), whole(one.tokens_in), whole(one.tokens_out), share, cost])


def _meters(meters: Sequence[MeterLine], total: int, currency: str) -> str:
    rows = [_meter_row(one) for one in meters[:SHOWN]]
    if rest := meters[SHOWN:]:
        rows.append(_row(f"{many(len(rest), 'further line')}", ["", "", amount(_sum(rest, "nano"))]))
    heads = ["Quantity", "Unit price", f"Cost, {name(currency)}"]
    caption = "What was bought and at which price. A token is in one line only."
    return _table("By meter", caption, "Meter", heads, rows, ["", "", amount(total)])


def _meter_row(one: MeterLine) -> str:
    of = name(f"{one.target}, {one.tier}" if one.tier else one.target)
    unknown = one.rate is None and one.unpriced
    rate = "" if one.rate is None else f"{exact(one.rate)}<br><small>per {quantity_unit(one.priced_for)}</small>"
    cost = '<span class="unknown">unpriced</span>' if unknown and not one.nano else amount(one.nano)
    bought = f"{quantity(one.quantity)}<br><small>{one.unit.lower()}</small>"
    return _row(f"{escape(one.meter)}<br><small>{of}</small>", [bought, rate, cost])


def quantity_unit(text: str) -> str:
    """`1000000 Tokens` as people read it."""
    count, _, unit = text.rpartition(" ")
    return f"{int(count):,} {unit.lower()}" if count else f"1 {unit.lower().removesuffix('s')}"


def _days_table(days: Sequence[Day], said: Statement) -> str:
    rows = [_day_row(one) for one in days if one.calls]
    total = [whole(sum(one.calls for one in days)), "", amount(sum(one.cost_nano for one in days))]
    heads = ["Calls", "", f"Cost, {name(said.currency)}"]
    return _table("By day", "Days without a call are left out.", "Day", heads, rows, total)


def _day_row(one: Day) -> str:
    day = f'<time datetime="{one.day}">{one.day:%a} {one.day.day}</time>'
    return _row(day, [whole(one.calls), _day_note(one), amount(one.cost_nano)])


def _day_note(one: Day) -> str:
    notes = [
        f"{whole(count)} {word}" for count, word in ((one.unpriced, "unpriced"), (one.estimated, "estimated")) if count
    ]
    return f"<small>{', '.join(notes)}</small>" if notes else ""


def _footer(said: Statement) -> str:
    made = datetime.fromtimestamp(said.made_at, UTC)
    link = f"<p>Ledger as of link {escape(said.figures.link)}</p>" if said.figures.link else ""
    return (
        "<footer><p>Amounts in the tables are rounded to four places, half to even; the exact total stands at the top. "
        "Costs are what the answered calls cost; retries, mirrors and judges are charged to the gateway itself"
        f"{_own(said)}.</p>"
        f'<p>Made <time datetime="{made:%Y-%m-%dT%H:%M:%SZ}">{made:%d %B %Y, %H:%M} UTC</time>.</p>{link}</footer>'
    )


def _own(said: Statement) -> str:
    """By the same digits as other reports have, for it is there to be compared with them."""
    found = said.figures
    if not found.own:
        return ""
    each = ", ".join(f"{name(one.account)} {_own_amount(one)}" for one in found.own)
    own, currency = sum(one.nano for one in found.own), name(said.currency)
    whole = exact(own + found.cost_nano)
    return f": for calls of this team {exact(own)} {currency} ({each}), with which it is {whole} {currency}"


def _own_amount(one: OwnLine) -> str:
    unknown = f"{many(one.unpriced, 'charge')} without a price" if one.unpriced else ""
    return " and ".join(filter(None, (exact(one.nano) if one.nano or not unknown else "", unknown)))


def _table(
    title: str, caption: str, first: str, heads: Sequence[str], rows: Iterable[str], total: Sequence[str]
) -> str:
    lines = "".join(rows)
    if not lines:
        return f'<section><h2>{title}</h2><p class="quiet">Nothing was used.</p></section>'
    columns = "".join(f'<th scope="col" class="n">{head}</th>' for head in heads)
    return (
        f'<section><h2>{title}</h2><div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
        f'<caption>{caption}</caption><thead><tr><th scope="col">{first}</th>{columns}</tr></thead>'
        f"<tbody>{lines}</tbody><tfoot>{_row('Total', total)}</tfoot></table></div></section>"
    )


def _row(head: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{head}</th>' + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"


def _sum(lines: Sequence[ModelLine] | Sequence[MeterLine], field: str) -> int:
    return sum(getattr(one, field) for one in lines)
