"""prompt.yaml: what there is to say about a prompt, whatever its version. It may be left out."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.core.days import begins
from gateway.core.experiment import Experiment
from gateway.core.globs import compile_globs
from gateway.prompts.document import FileMove, Gate, Place, PromptFile, Whose
from gateway.prompts.naming import why_no_label, why_no_name
from gateway.prompts.positions import Position, position_of
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.yamltree import Path_

FILE = "prompt.yaml"
Test = Callable[[str], bool]
Belongs = Callable[[str, str, Mapping[str, str]], bool]


def _any(_: str) -> bool:
    return True


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What prompt.yaml says.

    Attributes:
        pinned: where labels stand that the file keeps. gates: by label, what its moves need. experiments: by label.
        default_for: tests of a caller whose calls it is the default of: (tenant, team, labels of the key).
        history: moves of those labels, oldest first. file: its path, for errors. data: its bytes.
    """

    name: str
    owner: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    pinned: Mapping[str, Position] = {}
    gates: Mapping[str, Gate] = {}
    experiments: Mapping[str, Experiment] = {}
    history: tuple[FileMove, ...] = ()
    file: str = ""
    data: bytes = b""
    of_tenant: Test = _any
    of_team: Test = _any
    default_for: tuple[Belongs, ...] = ()

    def is_default_for(self, tenant: str, team: str, labels: Mapping[str, str]) -> bool:
        """Whether this caller's calls are made from it, if they name no prompt."""
        return self.open_to(tenant, team) and any(one(tenant, team, labels) for one in self.default_for)

    @property
    def restricted(self) -> bool:
        """Whether callers may do less for what it says: it is not for everybody, or some are held to it."""
        return self.of_tenant is not _any or self.of_team is not _any or bool(self.default_for)

    def open_to(self, tenant: str, team: str) -> bool:
        """Whether this team of this tenant may use the prompt."""
        return self.of_tenant(tenant) and self.of_team(team)


def read_meta(name: str, text: Text) -> tuple[Meta, Document[PromptFile]]:
    """What the file says about the prompt `name`.

    Raises:
        DocumentError: as every document, and for names, labels and weights that are none.
    """
    document: Document[PromptFile] = load_document(text, PromptFile)
    file = document.value
    for key in ("tenants", "teams"):
        if getattr(file, key) == ():
            raise document.error((key,), f"an empty `{key}` leaves nobody who may use the prompt; leave it out for all")
    for index, alias in enumerate(file.aliases):
        if why := why_no_name(alias):
            raise document.error(("aliases", index), f"{why} (an alias is a name)")
    for index, whose in enumerate(file.default_for):
        if whose.tenants is None and whose.teams is None and not whose.labels:
            raise document.error(
                ("default_for", index), "whose calls? say tenants, teams or labels; `teams: ['*']` is all"
            )
    for label, gate in file.gates.items():
        _check_label(document, ("gates", label), label)
        if "/" in gate.suite or not gate.suite.endswith(".yaml"):
            reason = "the suite is a .yaml file beside the prompt, such as cases.yaml"
            raise document.error(("gates", label, "suite"), reason)
    for label, experiment in file.experiments.items():
        _check_experiment(document, ("experiments", label), label, experiment)
    meta = Meta(
        name=name,
        owner=file.owner,
        description=file.description,
        aliases=file.aliases,
        tags=file.tags,
        pinned={label: _position(document, label, place) for label, place in file.labels.items()},
        gates=file.gates,
        experiments=file.experiments,
        history=file.history,
        file=text.name,
        data=text.data,
        of_tenant=_any if file.tenants is None else compile_globs(file.tenants),
        of_team=_any if file.teams is None else compile_globs(file.teams),
        default_for=tuple(_belongs(one) for one in file.default_for),
    )
    return meta, document


def _check_experiment(document: Document[PromptFile], where: Path_, label: str, experiment: Experiment) -> None:
    """Raises:
    DocumentError: of no label, of one that stands in the file, from no moment on, or against no version.
    """
    _check_label(document, where, label)
    if label in document.value.labels:
        reason = f"`{label}` stands in this file, and what it stands on is changed here only; move it out of `labels`"
        raise document.error(where, reason)
    try:
        begins(experiment.since)
    except ValueError as error:
        raise document.error((*where, "since"), str(error)) from None
    if experiment.adaptive is not None:
        raise document.error((*where, "adaptive"), "parts that follow how calls go are of routes; a label's stay")
    if experiment.base and not experiment.base.isdecimal():
        raise document.error((*where, "base"), f"`{experiment.base}` is no number of a version")


def _belongs(whose: Whose) -> Belongs:
    of_tenant, of_team = (_any if globs is None else compile_globs(globs) for globs in (whose.tenants, whose.teams))
    labelled = {name: compile_globs((glob,)) for name, glob in whose.labels.items()}

    def belongs(tenant: str, team: str, labels: Mapping[str, str]) -> bool:
        return (
            of_tenant(tenant)
            and of_team(team)
            and all(name in labels and test(labels[name]) for name, test in labelled.items())
        )

    return belongs


def placed(place: Place) -> Position:
    """A place as files write it, as a position.

    Raises:
        ValueError: it is none.
    """
    return position_of(place if isinstance(place, int) else {int(version): weight for version, weight in place.items()})


def _position(document: Document[PromptFile], label: str, place: Place) -> Position:
    _check_label(document, ("labels", label), label)
    try:
        return placed(place)
    except ValueError as error:
        raise document.error(("labels", label), str(error)) from None


def _check_label(document: Document[PromptFile], where: Path_, label: str) -> None:
    if why := why_no_label(label):
        raise document.error(where, why)
