"""Reading policies/cache.yaml, and everything that is checked besides its shape."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.cache.document import CacheFile, Match, Semantic
from gateway.cache.meaning import why_no_likeness
from gateway.cache.pairs import why_unproven
from gateway.cache.rules import CachePolicy
from gateway.stores.documents import Document, Known, Text, check_known, load_document
from gateway.stores.files import digest
from gateway.stores.wording import why_no_id
from gateway.stores.yamltree import Path_

MAX_ID = 64


def read_cache(source: Path | Text, known: Known | None = None, pairs: Mapping[str, Text] | None = None) -> CachePolicy:
    """The rules in the file.

    Args:
        known: the tenants, teams, data classes and operations there are.
        pairs: the files of the folder `cache`, by name.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a list that matches nothing, or a word that
            is none of those there are; and for a rule that answers by likeness, and is not proven to be right.
    """
    document = load_document(source, CacheFile)
    seen: set[str] = set()
    for index, rule in enumerate(document.value.rules):
        where = ("rules", index)
        if why := why_no_id(rule.id, seen, "rule id") or _why_not_plain(rule.id):
            raise document.error((*where, "id"), why)
        seen.add(rule.id)
        _check_match(document, (*where, "match"), rule.match, known or {})
        if rule.semantic is not None and (why := _why_not(rule.semantic, pairs or {})):
            raise document.error((*where, "semantic"), why)
    return CachePolicy(document.value, digest(document.data))


def _why_not_plain(id: str) -> str:
    if len(id) > MAX_ID:
        return f"the rule id `{id[:MAX_ID]}…` has more than {MAX_ID} characters"
    return "" if id.isprintable() else f"the rule id `{id}` has a letter that cannot be printed"


def _why_not(semantic: Semantic, pairs: Mapping[str, Text]) -> str:
    if why := why_no_likeness():
        return why
    if not semantic.evaluated or not semantic.model or any(letter in semantic.evaluated for letter in "/.\\"):
        return "`model` and `evaluated` are names, without `/` or `.` in the latter"
    return why_unproven(pairs, semantic.evaluated, semantic.model, semantic.threshold, semantic.max_false_hits)


def _check_match(document: Document[CacheFile], where: Path_, match: Match, known: Known) -> None:
    for name in msgspec.structs.fields(Match):
        if getattr(match, name.name) == ():
            raise document.error((*where, name.name), f"an empty `{name.name}` matches nothing; leave it out")
    check_known(document, where, match, known)
