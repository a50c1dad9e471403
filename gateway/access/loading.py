"""policies/access.yaml and policies/access/*.yaml as one policy, checked against each other."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from gateway.access.conditions import Compiler, Condition, ConditionError
from gateway.access.entries import WORDS, Entry, entry
from gateway.access.policy import AccessPolicy
from gateway.access.rules import AccessFile, PolicyException, Rule
from gateway.core.days import begins, ends
from gateway.core.model import NOTHING
from gateway.stores.documents import Document, Known, Text, check_known, load_document, read_text
from gateway.stores.files import digest
from gateway.stores.wording import nearest, why_no_id

MAX_EXCEPTION_DAYS = 90
_SETTINGS = ("max_exception_days", "hide_models")
Place = tuple[Document[AccessFile], str, int]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What rules are checked against and decisions depend on, besides the rules.

    Attributes:
        known: the tenants, teams, operations, data classes and guards there are.
        data_classes: lowest first. instants: moments at which models' lives change.
        version: digest of the whole set; empty: of the rules alone.
    """

    known: Known = {}
    data_classes: tuple[str, ...] = ()
    instants: tuple[float, ...] = ()
    version: str = ""


def read_access(sources: Path | Sequence[Text], around: Surroundings | None = None) -> AccessPolicy:
    """The rules of one file, or of several; the first is the one that settings may stand in.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a list that matches nothing, a word that is
            not known, a condition that does not compile, or an exception that breaks the rules for exceptions.
    """
    texts = [read_text(sources)] if isinstance(sources, Path) else sources
    around = around or Surroundings()
    documents = [load_document(text, AccessFile) for text in texts]
    for document in documents[1:]:
        for name in _SETTINGS:
            if getattr(document.value, name) is not None:
                raise document.error((name,), f"`{name}` stands in access.yaml only")
    main = documents[0].value if documents else AccessFile()
    reader = _Reader(around.known, main.max_exception_days or MAX_EXCEPTION_DAYS)
    entries = [reader.read(place) for place in _places(documents)]
    reader.check_lifts()
    return AccessPolicy(
        entries,
        around.version or digest(*(text.data for text in texts)),
        data_classes=around.data_classes,
        instants=around.instants,
        hide=main.hide_models is True,
    )


def _places(documents: Sequence[Document[AccessFile]]) -> Iterator[Place]:
    for document in documents:
        for name, found in (("rules", document.value.rules), ("exceptions", document.value.exceptions)):
            for index in range(len(found)):
                yield document, name, index


class _Reader:
    """Checks one rule after the other and remembers where each id stands."""

    def __init__(self, known: Known, max_exception_days: int) -> None:
        self._known = known
        self._longest = timedelta(days=max_exception_days).total_seconds()
        self._compiler = Compiler()
        self._seen: dict[str, Place] = {}

    def read(self, place: Place) -> Entry:
        document, name, index = place
        source: Rule | PolicyException = getattr(document.value, name)[index]
        where = (name, index)
        if why := why_no_id(source.id, self._seen, first=self._first(source.id)):
            raise document.error((*where, "id"), why)
        self._seen[source.id] = place
        for word in (*WORDS, "labels", "claims"):
            if not getattr(source, word) and getattr(source, word) is not None:
                reason = f"an empty `{word}` matches nothing; leave it out to match everything"
                raise document.error((*where, word), reason)
        for claim, patterns in (source.claims or {}).items():
            if not patterns:
                raise document.error((*where, "claims", claim), "an empty list matches nothing")
        if source.obligations.regions == ():
            raise document.error((*where, "obligations", "regions"), "an empty list allows no region at all")
        known = {word: found for word, found in self._known.items() if word != "guards"}
        check_known(document, where, source, known)
        if "guards" in self._known:
            check_known(document, (*where, "obligations"), source.obligations, {"guards": self._known["guards"]})
        compiled = self._entry(document, where, source)
        if isinstance(source, PolicyException):
            self._check_exception(document, where, source)
        elif source.effect == "deny" and source.obligations != NOTHING:
            raise document.error((*where, "obligations"), "a deny obliges to nothing; put obligations on what allows")
        return compiled

    def _first(self, id: str) -> str:
        """Where the id stands already: `access/a.yaml:12`; empty if it does not."""
        if id not in self._seen:
            return ""
        document, name, index = self._seen[id]
        return f"{document.file}:{document.line((name, index))}"

    def _entry(self, document: Document[AccessFile], where: tuple[str, int], source: Rule | PolicyException) -> Entry:
        condition: Condition | None = None
        if source.when:
            try:
                condition = self._compiler.compile(source.when)
            except ConditionError as error:
                raise document.error((*where, "when"), f"`when` of `{source.id}`: {error}") from None
        for name in ("from_", "until"):
            moment: str | None = getattr(source, name)
            try:
                _ = moment and begins(moment)
            except ValueError as error:
                raise document.error((*where, name.rstrip("_")), str(error)) from None
        found = entry(source, condition)
        if found.ends <= found.begins:
            raise document.error((*where, "until"), "`until` is before `from`")
        return found

    def _check_exception(self, document: Document[AccessFile], where: tuple[str, int], source: PolicyException) -> None:
        if source.owner.strip().casefold() == source.approver.strip().casefold():
            raise document.error((*where, "approver"), "an exception is granted by somebody else than its owner")
        if ends(source.until) - begins(source.from_) > self._longest:
            days = round(self._longest / 86_400)
            raise document.error((*where, "until"), f"an exception lasts {days} days at most (max_exception_days)")
        if source.tenants is None and source.teams is None and source.labels is None and source.claims is None:
            raise document.error(where, "an exception says whom it is for: tenants, teams, labels or claims")
        if source.models is None:
            raise document.error(where, "an exception allows what it matches, so it names its `models`")

    def check_lifts(self) -> None:
        """Raises:
        DocumentError: an exception lifts what is no deny rule.
        """
        denies = {
            id_: rule
            for id_, (document, name, index) in self._seen.items()
            if isinstance(rule := getattr(document.value, name)[index], Rule) and rule.effect == "deny"
        }
        for document, name, index in self._seen.values():
            source = getattr(document.value, name)[index]
            for position, lifted in enumerate(source.lifts if isinstance(source, PolicyException) else ()):
                if lifted not in denies:
                    reason = f"`{lifted}` is no deny rule{nearest(lifted, sorted(denies))}"
                    raise document.error((name, index, "lifts", position), reason)
