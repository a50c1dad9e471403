"""policies/tenants.yaml: the declared tenants and teams, and the classes of data there are.

A key belongs to one team of one tenant. What it sends is of the highest class that its tenant, its team or itself
names, and of the default class at least.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.stores.documents import Document, Text, load_document
from gateway.stores.files import digest
from gateway.stores.wording import nearest

DATA_CLASSES = ("public", "internal", "confidential", "restricted")
DEFAULT_CLASS = "internal"


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data_class`: what this team sends is of this class at least. `cases_from_traffic`: where it differs from the
    tenant's."""

    id: str
    name: str = ""
    data_class: str = ""
    cases_from_traffic: bool | None = None


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`strict_params`: what a model cannot be told is refused; without it, what may be left out is, and is named.
    `data_class`: what its teams send is of this class at least. `cases_from_traffic`: of what is kept of their calls,
    cases for the tests of prompts may be made; without it, nobody makes any. `feedback_texts`: comments and corrections
    that come with feedback are kept; without it, they are refused."""

    id: str
    name: str = ""
    teams: tuple[Team, ...] = ()
    strict_params: bool = False
    data_class: str = ""
    cases_from_traffic: bool = False
    feedback_texts: bool = False


class TenantsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data_classes`: lowest first. `default_data_class`: of who names none; `internal` if that is a class, else the
    lowest."""

    tenants: tuple[Tenant, ...]
    data_classes: tuple[str, ...] = DATA_CLASSES
    default_data_class: str = ""


class Tenants(msgspec.Struct, frozen=True):
    """`teams`: every declared (tenant, team). `strict`: the tenants with `strict_params`. `data_classes`: lowest first.
    `classes`: the class of every declared team. `consenting`: the teams of whose calls cases may be made.
    `feedback_texts`: the tenants that keep those."""

    tenants: tuple[Tenant, ...]
    teams: frozenset[tuple[str, str]]
    version: str
    strict: frozenset[str] = frozenset()
    data_classes: tuple[str, ...] = DATA_CLASSES
    classes: Mapping[tuple[str, str], str] = {}
    consenting: frozenset[tuple[str, str]] = frozenset()
    feedback_texts: frozenset[str] = frozenset()

    def declares(self, tenant: str, team: str) -> bool:
        return (tenant, team) in self.teams

    def class_of(self, tenant: str, team: str) -> str:
        """The highest of the tenant's class, the team's and the default; of an undeclared team, the highest of all."""
        return self.classes.get((tenant, team), self.data_classes[-1])

    def highest(self, *classes: str) -> str:
        """The highest of these classes; the lowest there is for none.

        Raises:
            ValueError: one is no class.
        """
        return _highest(self.data_classes, *classes)


def read_tenants(source: Path | Text) -> Tenants:
    """The declared tenants.

    Raises:
        DocumentError: as every document, and where an id stands twice or is not a plain word.
    """
    document = load_document(source, TenantsFile)
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
    return Tenants(
        tenants,
        frozenset(teams),
        digest(document.data),
        strict,
        document.value.data_classes,
        _classes(document),
        _consenting(tenants),
        frozenset(tenant.id for tenant in tenants if tenant.feedback_texts),
    )


def _consenting(tenants: Sequence[Tenant]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (tenant.id, team.id)
        for tenant in tenants
        for team in tenant.teams
        if (tenant.cases_from_traffic if team.cases_from_traffic is None else team.cases_from_traffic)
    )


def _classes(document: Document[TenantsFile]) -> dict[tuple[str, str], str]:
    """The class of every team.

    Raises:
        DocumentError: the classes are not a list of different words, or a word is none of them.
    """
    file = document.value
    declared = file.data_classes
    if not declared:
        raise document.error(("data_classes",), "data_classes is empty; leave it out, or name at least one")
    for index, word in enumerate(declared):
        if word in declared[:index] or not _plain(word):
            raise document.error(("data_classes", index), _bad_id("data class", word, set(declared[:index])))
    default = file.default_data_class or (DEFAULT_CLASS if DEFAULT_CLASS in declared else declared[0])
    _check_class(document, ("default_data_class",), default)
    found: dict[tuple[str, str], str] = {}
    for index, tenant in enumerate(file.tenants):
        _check_class(document, ("tenants", index, "data_class"), tenant.data_class)
        for position, team in enumerate(tenant.teams):
            _check_class(document, ("tenants", index, "teams", position, "data_class"), team.data_class)
            named = [word for word in (default, tenant.data_class, team.data_class) if word]
            found[tenant.id, team.id] = _highest(declared, *named)
    return found


def _check_class(document: Document[Any], path: tuple[str | int, ...], word: str) -> None:
    declared: tuple[str, ...] = document.value.data_classes
    if word and word not in declared:
        raise document.error(path, f"`{word}` is no data class{nearest(word, list(declared))}")


def _highest(declared: tuple[str, ...], *classes: str) -> str:
    try:
        return declared[max((declared.index(word) for word in classes), default=0)]
    except ValueError:
        unknown = next(word for word in classes if word not in declared)
        raise ValueError(f"`{unknown}` is no data class; known, lowest first: {', '.join(declared)}") from None


def _plain(word: str) -> bool:
    return 0 < len(word) <= 64 and all(character.isalnum() or character in "-_." for character in word)


def _bad_id(kind: str, word: str, seen: set[str]) -> str:
    if word in seen:
        return f"the {kind} `{word}` is declared twice"
    return f"the {kind} id `{word}` must be 1 to 64 letters, digits, `-`, `_` or `.`"
