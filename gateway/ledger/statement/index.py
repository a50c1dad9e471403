"""All teams of a month on one page, with a link to each one's statement."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from gateway.ledger.months import Month
from gateway.ledger.statement.figures import TeamLine
from gateway.ledger.statement.style import CSS
from gateway.ledger.statement.words import amount, exact, rounded
from gateway.pages.document import document, head
from gateway.pages.words import name, whole


def file_of(tenant: str, team: str) -> str:
    """Where a team's statement is, below the folder: two names, and whatever they are, two names of files."""
    return f"{_file(tenant)}/{_file(team)}.html"


def _file(text: str) -> str:
    """Percent-encoded; dots at the beginning too, which would make it another folder or hide it."""
    plain = quote(text, safe="") or "%"
    return f"%2E{plain[1:]}" if plain.startswith(".") else plain


def index(teams: Sequence[TeamLine], month: Month, currency: str) -> str:
    total, own = (sum(getattr(one, field) for one in teams) for field in ("cost_nano", "own_nano"))
    rows = "".join(map(_row, teams))
    sums = "".join(f'<td class="n">{cell}</td>' for cell in (whole(sum(one.calls for one in teams)), amount(total)))
    return document(
        f"{head(f'Statements, {month.begin:%B %Y}', CSS)}<header><div><p class=quiet>Statements of AI usage</p>"
        f'<h1>{month.begin:%B %Y}</h1></div><div class="total"><span class="quiet">Total</span>'
        f"<strong>{rounded(total)} {name(currency)}</strong>"
        f'<span class="quiet">exactly {exact(total)}</span></div></header>'
        '<section><h2>Teams</h2><div class="scroll" tabindex="0" role="region" aria-label="Teams"><table>'
        '<thead><tr><th scope="col">Team</th><th scope="col" class="n">Calls</th>'
        f'<th scope="col" class="n">Cost, {name(currency)}</th></tr></thead><tbody>{rows}</tbody>'
        f'<tfoot><tr><th scope="row">Total</th>{sums}</tr></tfoot></table></div></section>'
        f"{_own(own, total, name(currency)) if own else ''}"
    )


def _own(own: int, total: int, currency: str) -> str:
    return (
        "<footer><p>Retries, mirrors and judges are charged to the gateway itself: for calls of these teams "
        f"{exact(own)} {currency}, with which it is {exact(total + own)} {currency}.</p></footer>"
    )


def _row(one: TeamLine) -> str:
    link = escape(quote(file_of(one.tenant, one.team)))
    unknown = f'<br><span class="unknown">{whole(one.unpriced)} unpriced</span>' if one.unpriced else ""
    return (
        f'<tr><th scope="row"><a href="{link}">{name(f"{one.tenant} / {one.team}")}</a></th>'
        f'<td class="n">{whole(one.calls)}</td><td class="n">{amount(one.cost_nano)}{unknown}</td></tr>'
    )
