"""Whether `identity:` in config.yaml can be meant as it stands."""

import re
from typing import Any

from gateway.identity.certificates import CREDENTIALS, trusts
from gateway.identity.jose import ALGORITHMS
from gateway.identity.keysets import is_safe
from gateway.identity.options import ClientCertificateOptions, From, IdentityOptions, IssuerOptions
from gateway.identity.roles import ROLES
from gateway.stores.documents import Document
from gateway.stores.wording import nearest

Path_ = tuple[str | int, ...]
MAX_SKEW_S = 600
MIN_REFRESH_S = 1


def check_identity(document: Document[Any], options: IdentityOptions) -> None:
    """Raises:
    DocumentError: with the line of what is wrong.
    """
    seen: set[str] = set()
    for index, issuer in enumerate(options.issuers):
        path: Path_ = ("identity", "issuers", index)
        if issuer.issuer in seen:
            raise document.error((*path, "issuer"), f"the issuer `{issuer.issuer}` is declared twice")
        seen.add(issuer.issuer)
        _check_source(document, path, issuer)
        _check_algorithms(document, path, issuer)
        _check_numbers(document, path, issuer)
        _check_claims(document, path, issuer)
    if options.client_certificates is not None:
        _check_certificates(document, options.client_certificates)


def _check_certificates(document: Document[Any], options: ClientCertificateOptions) -> None:
    path: Path_ = ("identity", "client_certificates")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", options.header) or options.header.lower().encode() in CREDENTIALS:
        raise document.error((*path, "header"), f"`{options.header}` is no header that a proxy may tell a subject in")
    if not options.trusted_proxies:
        raise document.error((*path, "trusted_proxies"), "trusted_proxies must name who ends TLS in front of us")
    for index, proxy in enumerate(options.trusted_proxies):
        try:
            trusts((proxy,))
        except ValueError as error:
            raise document.error((*path, "trusted_proxies", index), str(error)) from None
    seen: set[str] = set()
    for index, subject in enumerate(options.subjects):
        if not subject.subject or subject.subject in seen:
            said = f"the subject `{subject.subject}` is declared twice" if subject.subject else "a subject is empty"
            raise document.error((*path, "subjects", index), said)
        seen.add(subject.subject)


def _check_source(document: Document[Any], path: Path_, issuer: IssuerOptions) -> None:
    https = "starts with https:// (http:// only for this machine itself)"
    if issuer.jwks_url and not is_safe(issuer.jwks_url):
        raise document.error((*path, "jwks_url"), f"a jwks_url {https}")
    if not issuer.jwks_url and (not is_safe(issuer.issuer) or "?" in issuer.issuer):
        raise document.error((*path, "issuer"), f"an issuer without a jwks_url {https}")
    if not issuer.issuer:
        raise document.error((*path, "issuer"), "issuer is empty")
    if not issuer.audience or not all(issuer.audience):
        raise document.error((*path, "audience"), "audience must name what this gateway is called in tokens' `aud`")


def _check_algorithms(document: Document[Any], path: Path_, issuer: IssuerOptions) -> None:
    if not issuer.algorithms:
        raise document.error((*path, "algorithms"), "algorithms is empty; leave it out, or name at least one")
    for index, word in enumerate(issuer.algorithms):
        where = (*path, "algorithms", index)
        if word.lower() == "none":
            raise document.error(where, "tokens that nobody signed are not accepted")
        if word.upper().startswith("HS"):
            raise document.error(where, f"`{word}` is symmetric: whoever can check such a token can make one")
        if word not in ALGORITHMS:
            raise document.error(where, f"unknown algorithm `{word}`{nearest(word, list(ALGORITHMS))}")


def _check_numbers(document: Document[Any], path: Path_, issuer: IssuerOptions) -> None:
    if not 0 <= issuer.clock_skew_s <= MAX_SKEW_S:
        raise document.error((*path, "clock_skew_s"), f"clock_skew_s must be between 0 and {MAX_SKEW_S}")
    if issuer.max_age_s is not None and issuer.max_age_s <= 0:
        raise document.error((*path, "max_age_s"), "max_age_s must be positive")
    if issuer.refresh_s < MIN_REFRESH_S:
        raise document.error((*path, "refresh_s"), f"refresh_s must be at least {MIN_REFRESH_S}")


def _check_claims(document: Document[Any], path: Path_, issuer: IssuerOptions) -> None:
    named: list[tuple[str, From | None]] = [
        (name, getattr(issuer, name)) for name in ("tenant", "team", "owner", "data_class", "admin_role")
    ]
    for name, rule in named:
        if rule is not None:
            _check_rule(document, (*path, name), name, rule)
    for name, rule in issuer.labels.items():
        _check_rule(document, (*path, "labels", name), name, rule)
    missing = [name for name in ("tenant", "team") if getattr(issuer, name) is None]
    if len(missing) == 1 or (missing and issuer.admin_role is None):
        raise document.error(path, "tenant and team say who a caller is; leave out both only beside an admin_role")
    if issuer.admin_role is not None:
        _check_roles(document, (*path, "admin_role"), issuer.admin_role)


def _check_rule(document: Document[Any], path: Path_, name: str, rule: From) -> None:
    problem = ""
    if bool(rule.claim) == bool(rule.value):
        problem = "either `claim` or `value`"
    elif rule.map and rule.value:
        problem = "a `map` only beside a `claim`"
    elif not all(rule.map.values()):
        problem = "a word for every value in its `map`"
    if problem:
        raise document.error(path, f"{name} needs {problem}")


def _check_roles(document: Document[Any], path: Path_, rule: From) -> None:
    """Nobody becomes an operator by a claim that is passed on as it stands, or by no claim at all."""
    if not rule.map:
        raise document.error(path, "admin_role needs a claim and a map of its values to roles")
    for value, word in rule.map.items():
        if word not in ROLES:
            raise document.error((*path, "map", value), f"unknown role `{word}`{nearest(word, list(ROLES))}")
