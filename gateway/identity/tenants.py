"""policies/tenants.yaml: the declared tenants and teams. A key belongs to one team of one tenant."""

from pathlib import Path

import msgspec

from gateway.stores.documents import load_document
from gateway.stores.files import digest


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str = ""


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`strict_params`: what a model cannot be told is refused; without it, what may be left out is, and is named."""

    id: str
    name: str = ""
    teams: tuple[Team, ...] = ()
    strict_params: bool = False


class TenantsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenants: tuple[Tenant, ...]


class Tenants(msgspec.Struct, frozen=True):
    """`teams`: every declared (tenant, team). `strict`: the tenants with `strict_params`."""

    tenants: tuple[Tenant, ...]
    teams: frozenset[tuple[str, str]]
    version: str
    strict: frozenset[str] = frozenset()

    def declares(self, tenant: str, team: str) -> bool:
        return (tenant, team) in self.teams


def read_tenants(path: Path) -> Tenants:
    """The declared tenants.

    Raises:
        DocumentError: as every document, and where an id stands twice or is not a plain word.
    """
    document = load_document(path, TenantsFile)
    seen: set[str] = set()
    teams: set[tuple[str, str]] = set()
    for index, tenant in enumerate(document.value.tenants):
        if tenant.id in seen or not _plain(tenant.id):
            raise document.error(("tenants", index, "id"), _bad_id("tenant", tenant.id, seen))
        seen.add(tenant.id)
        own: set[str] = set()
        for position, team in enumerate(tenant.teams):
            if team.id in own or not _plain(team.id):
                where = ("tenants", index, "teams", position, "id")
                raise document.error(where, _bad_id("team", team.id, own))
            own.add(team.id)
            teams.add((tenant.id, team.id))
    tenants = document.value.tenants
    strict = frozenset(tenant.id for tenant in tenants if tenant.strict_params)
    return Tenants(tenants, frozenset(teams), digest(path.read_bytes()), strict)


def _plain(word: str) -> bool:
    return 0 < len(word) <= 64 and all(character.isalnum() or character in "-_." for character in word)


def _bad_id(kind: str, word: str, seen: set[str]) -> str:
    if word in seen:
        return f"the {kind} `{word}` is declared twice"
    return f"the {kind} id `{word}` must be 1 to 64 letters, digits, `-`, `_` or `.`"
