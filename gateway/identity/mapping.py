"""What a token's claims mean here. Pure: claims in, words out.

What cannot be read as words is refused, never guessed at or cut short: a group left out could be the one that a deny
depends on.
"""

from collections.abc import Mapping
from typing import Any, cast

from gateway.core.principal import Principal
from gateway.identity.options import From, IssuerOptions
from gateway.identity.refusing import Refused
from gateway.stores.files import digest

MAX_WORDS = 256
MAX_WORD = 200
# Several words in one text (RFC 8693, 4.2; Entra's name for the same).
SPACED = frozenset({"scope", "scp"})
Claims = Mapping[str, Any]


def principal_of(options: IssuerOptions, claims: Claims, expires_at: float) -> Principal:
    """The caller that these claims, which are verified, tell of.

    Raises:
        Refused: they give no tenant or no team, or hold what is no word.
    """
    tenant = word_from(options.tenant, claims) if options.tenant else ""
    team = word_from(options.team, claims) if options.team else ""
    if not tenant or not team:
        raise Refused("mapping")
    labels = {name: word for name, rule in options.labels.items() if (word := word_from(rule, claims))}
    return Principal(
        key_id="user_" + digest(options.issuer.encode(), claims["sub"].encode()),
        tenant=tenant,
        team=team,
        owner=owner_of(options, claims),
        labels=labels,
        claims={name: words for name in options.keep_claims if (words := words_in(claims, name))},
        data_class=word_from(options.data_class, claims) if options.data_class else "",
        expires_at=expires_at,
    )


def owner_of(options: IssuerOptions, claims: Claims) -> str:
    """Who answers for what this caller does."""
    if options.owner is not None:
        return word_from(options.owner, claims) or _one_word(claims["sub"])
    # An unverified address is whatever its owner wrote there, the name of somebody else, say.
    email = claims.get("email")
    verified = claims.get("email_verified") not in (False, "false")
    return _one_word(email if isinstance(email, str) and email and verified else claims["sub"])


def word_from(rule: From, claims: Claims) -> str:
    """The word a rule gives for these claims; empty for none.

    Raises:
        Refused: the claim holds several values, and no map says which one counts; or it is no word at all.
    """
    if rule.value:
        return rule.value
    words = words_in(claims, rule.claim)
    if rule.map:
        return next((word for value, word in rule.map.items() if value in words), "")
    if len(words) > 1:
        raise Refused("mapping")
    return words[0] if words else ""


def words_in(claims: Claims, name: str) -> tuple[str, ...]:
    """A claim as sorted words, each once; empty if it is not there.

    Raises:
        Refused: it is an object, a fraction, or longer than anything that is a word.
    """
    value = _claim(claims, name)
    if value is None:
        return ()
    if isinstance(value, str) and name in SPACED:
        value = value.split()
    items: list[Any] = cast(list[Any], value) if isinstance(value, list) else [value]
    if len(items) > MAX_WORDS:
        raise Refused("mapping")
    return tuple(sorted({_one_word(item) for item in items}))


def _one_word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    word = str(value) if isinstance(value, int) else value
    if not isinstance(word, str) or not 0 < len(word) <= MAX_WORD or not word.isprintable():
        raise Refused("mapping")
    return word


def _claim(claims: Claims, name: str) -> Any:
    """Names with dots are claims too (`https://example.com/roles`), so the whole name goes before a path."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = cast(dict[str, Any], found)[step]
    return found
