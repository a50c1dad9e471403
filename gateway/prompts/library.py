"""All prompts as they are at one moment, and the one function that finds the version that is asked for."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.prompts.building import Entry
from gateway.prompts.metadata import Meta
from gateway.prompts.naming import DRAFT, LATEST, Wanted, parse_wanted
from gateway.prompts.positions import Position
from gateway.prompts.refusing import UnknownPrompt, UnknownVersion, UnusablePrompt
from gateway.prompts.versions import Problem, Prompt, Version

NEAREST = 3
NAMED = 8
COMPARED = 200  # names that a wrong one is compared with: callers could keep a core busy with thousands of them


Visible = Callable[[Meta], bool]


def anybody(meta: Meta) -> bool:  # noqa: ARG001
    """Every prompt may be used: for operators."""
    return True


def visible_to(tenant: str, team: str) -> Visible:
    """Prompts that a team of a tenant may use."""
    return lambda meta: meta.open_to(tenant, team)


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The version that answers a call.

    Attributes:
        version: its number; 0 for a draft. digest: `sha256:` and 64 hex digits.
        label: by which it was found; empty if it was asked for by number or digest.
        variant: `a`, `b` …: which version of a label that stands on several; empty otherwise.
    """

    name: str
    version: int
    digest: str
    label: str
    variant: str
    prompt: Prompt
    meta: Meta


class Library:
    """Attributes:
    prompts: by name. labels: positions of the labels that the database keeps, by (prompt, label).
    """

    __slots__ = ("_aliases", "_by_prompt", "_defaults", "_told", "has_defaults", "labels", "prompts", "tree")

    def __init__(
        self,
        prompts: Mapping[str, Entry],
        problems: Sequence[Problem] = (),
        labels: Mapping[tuple[str, str], Position] | None = None,
        tree: Any = None,
    ) -> None:
        """`tree`: what `read_library` wants to see again when it reads what has changed."""
        self.prompts = prompts
        self._told = problems
        self.labels: Mapping[tuple[str, str], Position] = {} if labels is None else labels
        self.tree = tree
        self._by_prompt: dict[str, dict[str, Position]] = {}
        for (prompt, label), position in self.labels.items():
            self._by_prompt.setdefault(prompt, {})[label] = position
        self._defaults = [entry.meta for entry in prompts.values() if entry.meta.default_for]
        self.has_defaults = bool(self._defaults)
        self._aliases: dict[str, str] = {}
        for prompt, entry in prompts.items():
            for alias in entry.meta.aliases:
                self._aliases.setdefault(alias, prompt)

    def with_labels(self, labels: Mapping[tuple[str, str], Position]) -> "Library":
        """The same prompts, with other positions from the database."""
        return Library(self.prompts, self._told, labels, self.tree)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with files, as far as it has been found: of versions that nobody has compiled yet, only what
        loading has seen. By file and line."""
        later = (one.problem for entry in self.prompts.values() for one in entry.all_versions())
        found = dict.fromkeys((*self._told, *(problem for problem in later if problem is not None)))
        return sorted(found, key=lambda one: (one.file, one.line, one.reason))

    def unverified(self) -> list[Version]:
        """Versions that nobody has compiled yet; first those that labels stand on and the newest."""
        first: list[Version] = []
        rest: list[Version] = []
        for entry in self.prompts.values():
            wanted = {number for position in self.positions(entry).values() for number in position.versions}
            wanted.add(entry.newest)
            for version in entry.all_versions():
                if not version.verified:
                    (first if version.number in wanted else rest).append(version)
        return [*first, *rest]

    def resolve(
        self, name: str, wanted: str = "", unit: str = "", *, visible: Visible = anybody, drafts: bool = False
    ) -> Resolved:
        """The version of a prompt that a caller asks for.

        Args:
            name: or an alias. wanted: see `naming.parse_wanted`; empty: the label `production`.
            unit: whom a label on several versions divides: a user, a session, a request's id.
            visible: which prompts the caller may use; of others nothing is told. drafts: whether `draft` is served.

        Raises:
            UnknownPrompt, UnknownVersion: with the nearest names. UnusablePrompt: it is there, and broken.
        """
        entry = self.entry(name, visible)
        try:
            asked = parse_wanted(wanted)
        except ValueError as error:
            raise _unknown_version(entry.meta.name, wanted, str(error)) from None
        label = asked.word if asked.kind == "label" else asked.kind if asked.kind in (LATEST, DRAFT) else ""
        version, variant = self._version(entry, asked, unit, drafts)
        prompt = version.prompt()  # a draft has its digest by then
        return Resolved(
            name=entry.meta.name,
            version=version.number,
            digest=version.digest,
            label=label,
            variant=variant,
            prompt=prompt,
            meta=entry.meta,
        )

    def defaults_of(self, tenant: str, team: str, labels: Mapping[str, str]) -> Sequence[str]:
        """The prompts from which this caller's calls are made if they name none: more than one leaves it open which."""
        if not self._defaults:
            return ()
        return [meta.name for meta in self._defaults if meta.is_default_for(tenant, team, labels)]

    def entry(self, name: str, visible: Visible = anybody) -> Entry:
        """A prompt by its name or an alias.

        Raises:
            UnknownPrompt: there is none, or none for this caller; both look alike.
        """
        entry = self.prompts.get(name) or self.prompts.get(self._aliases.get(name, ""))
        if entry is not None and visible(entry.meta):
            return entry
        known = [one.meta.name for one in self.prompts.values() if visible(one.meta)]
        raise UnknownPrompt(f"there is no prompt `{name[:80]}`{_nearest(name, known)}", param="prompt.id")

    def position(self, entry: Entry, label: str) -> Position | None:
        """Where a label stands: as prompt.yaml says, else as the database does."""
        return entry.meta.pinned.get(label) or self.labels.get((entry.meta.name, label))

    def positions(self, entry: Entry) -> dict[str, Position]:
        """All labels of a prompt, by name."""
        kept = self._by_prompt.get(entry.meta.name, {})
        return dict(sorted({**kept, **entry.meta.pinned}.items()))

    def _version(self, entry: Entry, asked: Wanted, unit: str, drafts: bool) -> tuple[Version, str]:
        name = entry.meta.name
        if asked.kind == "label":
            return self._labelled(entry, asked.word, unit)
        if asked.kind == "draft":
            if not drafts:
                reason = "a draft is served to nobody; publish it: `gateway prompts publish`"
                raise _unknown_version(name, DRAFT, reason)
            if entry.draft is None:
                raise _unknown_version(name, DRAFT, "there is no draft.prompt")
            return entry.draft, ""
        if asked.kind == "latest":
            if not entry.versions:
                raise _unknown_version(name, LATEST, "nothing of it is published")
            return entry.versions[max(entry.versions)], ""
        if asked.kind == "digest":
            return _of_digest(entry, asked.word), ""
        version = entry.versions.get(asked.number)
        if version is None:
            raise _unknown_version(name, str(asked.number), _published(entry))
        return version, ""

    def _labelled(self, entry: Entry, label: str, unit: str) -> tuple[Version, str]:
        position = self.position(entry, label)
        name = entry.meta.name
        if position is None:
            known = [*self.positions(entry), LATEST]
            raise _unknown_version(name, label, f"it has no such label{_nearest(label, known)}")
        number = position.pick(f"{name}\0{label}", unit)
        version = entry.versions.get(number)
        if version is None:
            reason = f"the label `{label}` of the prompt `{name}` stands on version {number}, which is not there"
            raise UnusablePrompt(reason, param="prompt.version")
        return version, position.variant(number)


def _of_digest(entry: Entry, prefix: str) -> Version:
    found = [one for one in entry.versions.values() if one.digest.startswith(f"sha256:{prefix}")]
    if len(found) == 1:
        return found[0]
    why = "several versions begin so; give more digits" if found else "no version has this digest"
    raise _unknown_version(entry.meta.name, f"sha256:{prefix}", why)


def _unknown_version(name: str, wanted: str, reason: str) -> UnknownVersion:
    return UnknownVersion(f"the prompt `{name}` has no `{wanted[:80]}`: {reason}", param="prompt.version")


def _published(entry: Entry) -> str:
    if not entry.versions:
        return "nothing of it is published"
    return f"published: {_few([str(one) for one in entry.versions])}"


def _few(words: Sequence[str]) -> str:
    if len(words) <= NAMED:
        return ", ".join(words)
    return f"{', '.join(words[:2])}, … {words[-1]}"


def _nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or all names if they are few."""
    names = sorted(known)
    if len(names) > COMPARED:
        names = [name for name in names if name[:3] == word[:3]][:COMPARED]
    close = difflib.get_close_matches(word[:80], names, n=NEAREST, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(f'`{one}`' for one in close)}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= NAMED else ""
