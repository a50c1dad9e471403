"""The policy files as one set: read at once, checked against each other, replaced together or not at all.

tenants.yaml  access.yaml  access/*.yaml  models/*.yaml     what decisions are made of; their digest is in each record
guardrails.yaml                                             what is looked for in texts; in the digest too
routes.yaml                                                 which target a call goes to; may be left out
limits.yaml   prices.yaml                                   how much, and for how much
cache.yaml    cache/*.yaml                                  what is answered from memory; may be left out
"""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from gateway.access.chain import sha256, snapshot_digest
from gateway.access.loading import Surroundings, read_access
from gateway.access.policy import AccessPolicy
from gateway.access.refusing import TOOLS
from gateway.access.signing import BUNDLE, check_signature
from gateway.cache.loading import read_cache
from gateway.cache.rules import NO_CACHE, CachePolicy
from gateway.catalogue.loading import CardSet, build_catalogue, read_cards
from gateway.catalogue.prices import PriceBook, read_prices
from gateway.core.model import Catalogue
from gateway.core.wiring import NO_WIRING, Wiring
from gateway.edge.operations import OPERATIONS
from gateway.guard.loading import read_guardrails
from gateway.guard.rules import GuardPolicy
from gateway.identity.tenants import Tenants, read_tenants
from gateway.limits.loading import read_limits
from gateway.limits.rules import LimitPolicy
from gateway.router.loading import NO_ROUTES, Routes, check_names, read_routes
from gateway.stores.documents import DocumentError, Known, Text, read_text
from gateway.stores.folders import read_folder, select

FILES = ("tenants.yaml", "access.yaml", "guardrails.yaml", "limits.yaml", "prices.yaml")
OPTIONAL = ("routes.yaml", "cache.yaml")
FOLDERS = ("access", "models", "cache")
# What every set of the history has; the guards of one without their file are none.
_ALWAYS = ("tenants.yaml", "access.yaml")
_NOT_DECIDING = ("limits.yaml", "prices.yaml", "cache.yaml", "cache/")
CALLS = tuple(sorted({operation.name for operation in OPERATIONS}))
OPERATION_WORDS = frozenset({*CALLS, TOOLS})


class Deciding(msgspec.Struct, frozen=True):
    """What decisions are made of.

    Attributes:
        digest: SHA-256 over the files that decisions are made of; `access.version` is its beginning.
        files: all files it was read from, by their path in the folder.
    """

    tenants: Tenants
    access: AccessPolicy
    routes: Routes
    catalogue: Catalogue
    cards: CardSet
    guards: GuardPolicy
    digest: str
    files: Mapping[str, bytes]


class PolicySet(Deciding, frozen=True):
    """All policies, as they were at one moment.

    Attributes:
        signed_by: id of the key that vouches for all files; empty where signatures are not asked for.
    """

    limits: LimitPolicy
    prices: PriceBook
    cache: CachePolicy = NO_CACHE
    signed_by: str = ""

    @property
    def versions(self) -> dict[str, str]:
        return {
            "access": self.access.version,
            "tenants": self.tenants.version,
            "routes": self.routes.version,
            "guardrails": self.guards.version,
            "limits": self.limits.version,
            "prices": self.prices.version,
            "cache": self.cache.version,
        }


def read_policies(folder: Path, wiring: Wiring = NO_WIRING) -> PolicySet:
    """The whole set.

    Raises:
        DocumentError: the first file that is wrong, or two that do not fit together.
    """
    texts = policy_texts(folder)
    signed_by = _signer(folder, texts, wiring)
    return msgspec.structs.replace(parse_policies(texts, wiring), signed_by=signed_by)


def policy_texts(folder: Path) -> dict[str, Text]:
    """The files' bytes, by their path in the folder.

    Raises:
        DocumentError: one cannot be read, is missing, or is none.
    """
    texts = read_folder(folder, (*FILES, *OPTIONAL), FOLDERS)
    _refuse_misnamed(folder)
    for name in FILES:
        if name not in texts:
            raise DocumentError(str(folder / name), 0, "cannot be read: No such file or directory")
    return texts


def _refuse_misnamed(folder: Path) -> None:
    """A file that was meant to be read, and is not: `access.yml` with a deny in it would open a door.

    Raises:
        DocumentError: there is one.
    """
    names = (*FILES, *OPTIONAL)
    stems = [name.removesuffix(".yaml") for name in names]
    for path in sorted(folder.glob("[!.]*.y*ml")):
        if path.name not in names and (found := get_close_matches(path.stem, stems, n=1, cutoff=0.8)):
            raise DocumentError(str(path), 0, f"is not read; the file is called {found[0]}.yaml")


def _signer(folder: Path, texts: Mapping[str, Text], wiring: Wiring) -> str:
    """The id of the key that vouches for these very bytes; empty if nobody is asked.

    Raises:
        DocumentError: none of the trusted keys vouches.
    """
    if not wiring.signers:
        return ""
    bundle = folder / BUNDLE
    if not bundle.exists():
        reason = "is not there, and config.yaml wants policies signed: `gateway policy sign --key FILE`"
        raise DocumentError(str(bundle), 0, reason)
    signed = read_text(bundle).data
    try:
        return check_signature({name: text.data for name, text in texts.items()}, signed, wiring.signers)
    except (ValueError, ModuleNotFoundError) as error:
        raise DocumentError(str(bundle), 0, str(error)) from None


def parse_policies(texts: Mapping[str, Text], wiring: Wiring = NO_WIRING) -> PolicySet:
    """The set that these texts are.

    Raises:
        DocumentError: as `read_policies`.
    """
    found: dict[str, Any] = {}
    for name, _, read in _steps(texts, wiring, found):
        found[name] = read()
    return PolicySet(**found)


def parse_deciding(texts: Mapping[str, Text], wiring: Wiring = NO_WIRING) -> Deciding:
    """The part of the set that decisions are made of, as the history keeps it.

    Raises:
        DocumentError: as `read_policies`; a set has a tenants.yaml and an access.yaml.
    """
    for name in _ALWAYS:
        if name not in texts:
            raise DocumentError(name, 0, "is missing")
    found: dict[str, Any] = {}
    for name, _, read in _steps(texts, wiring, found):
        if name in Deciding.__struct_fields__:
            found[name] = read()
    return Deciding(**found)


def policy_problems(folder: Path, wiring: Wiring = NO_WIRING) -> list[DocumentError]:
    """What is wrong, the first thing of each kind of file."""
    try:
        texts = policy_texts(folder)
    except DocumentError as error:
        return [error]
    problems: list[DocumentError] = []
    try:
        _signer(folder, texts, wiring)
    except DocumentError as error:
        problems.append(error)
    found: dict[str, Any] = {}
    for name, needs, read in _steps(texts, wiring, found):
        if any(need not in found for need in needs):
            continue  # what it is checked against is wrong itself, and told
        try:
            found[name] = read()
        except DocumentError as error:
            problems.append(error)
    return problems


def deciding(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of the files that decisions are made of."""
    return {name: data for name, data in files.items() if not name.startswith(_NOT_DECIDING)}


def _steps(
    texts: Mapping[str, Text], wiring: Wiring, found: Mapping[str, Any]
) -> list[tuple[str, tuple[str, ...], Callable[[], Any]]]:
    """Each part of the set, what it needs, and how it is read; `found` holds what came before."""
    files = {name: text.data for name, text in texts.items()}
    digest = snapshot_digest({name: sha256(data) for name, data in deciding(files).items()})

    def routes() -> Routes:
        text = texts.get("routes.yaml")
        return NO_ROUTES if text is None else read_routes(text, wiring)

    def catalogue() -> Catalogue:
        own: Routes = found["routes"]
        routed = msgspec.structs.replace(wiring, routes={**wiring.routes, **own.targets})
        built = build_catalogue(found["cards"], routed)
        if "routes.yaml" in texts and not wiring.past:
            check_names(texts["routes.yaml"], own, built.names)
        return built

    def access() -> AccessPolicy:
        tenants: Tenants | None = found.get("tenants")
        instants = [at for model in found["catalogue"].models.values() for at in model.life.instants()]
        # Guards that are wrong themselves are told; what names them is not held against an empty list.
        guards_known: Known = {"guards": found["guards"].ids} if "guards" in found else {}
        around = Surroundings(
            known={**_declared(tenants), "operations": OPERATION_WORDS, **guards_known},
            data_classes=() if tenants is None else tenants.data_classes,
            instants=tuple(instants),
            version=digest[:16],
        )
        sources = select(texts, "access.yaml", "access")
        return read_access(sources, around)

    return [
        ("tenants", (), lambda: read_tenants(texts["tenants.yaml"])),
        ("cards", (), lambda: read_cards(select(texts, "", "models"))),
        ("routes", (), routes),
        ("catalogue", ("cards", "routes"), catalogue),
        ("guards", (), lambda: _guards(texts, found.get("tenants"), wiring)),
        ("access", ("catalogue",), access),
        ("limits", (), lambda: read_limits(texts["limits.yaml"], _declared(found.get("tenants")), wiring.unnoted)),
        ("prices", (), lambda: read_prices(texts["prices.yaml"], wiring)),
        ("cache", (), lambda: _cache(texts, found.get("tenants"))),
        ("digest", (), lambda: digest),
        ("files", (), lambda: files),
    ]


def _guards(texts: Mapping[str, Text], tenants: Tenants | None, wiring: Wiring) -> GuardPolicy:
    known: dict[str, Collection[str]] = {**_declared(tenants), "operations": CALLS}
    if wiring.guard_services is not None and not wiring.past:
        known |= {"services": wiring.guard_services, "providers": wiring.providers}
    return read_guardrails(texts.get("guardrails.yaml") or Text("guardrails.yaml", b"guards: []"), known)


def _cache(texts: Mapping[str, Text], tenants: Tenants | None) -> CachePolicy:
    if "cache.yaml" not in texts:
        return NO_CACHE
    known = {**_declared(tenants), "operations": CALLS}
    pairs = {name.removeprefix("cache/"): text for name, text in texts.items() if name.startswith("cache/")}
    return read_cache(texts["cache.yaml"], known, pairs)


def _declared(tenants: Tenants | None) -> Known:
    """The tenants and teams there are; without any tenants.yaml, nobody's existence is checked."""
    if tenants is None:
        return {}
    return {
        "tenants": {tenant.id for tenant in tenants.tenants},
        "teams": {team for _, team in tenants.teams},
        "data_classes": tenants.data_classes,
    }
