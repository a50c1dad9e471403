"""The shapes of prompt.yaml and versions.yaml, which stand beside a prompt's versions."""

from typing import Annotated, Literal

import msgspec

from gateway.core.days import Moment
from gateway.core.experiment import Experiment

Number = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,8}$")]
Digest = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")]
Place = Annotated[int, msgspec.Meta(ge=1, le=999_999_999)] | dict[Number, int]


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it takes to move a label: a run of the tests that it passed, on exactly that version, against the one that
    it replaces.

    Attributes:
        suite: the file of tests, beside the prompt. margin: how much worse than what it replaces it may be.
        approver: `other`: who moves the label has not published the version.
    """

    suite: str
    margin: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    approver: Literal["anyone", "other"] = "anyone"


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Callers, all of it at once: patterns of tenants and teams, and of labels of the key, such as `app`."""

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    labels: dict[str, str] = {}


class FileMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """A move of a label that stands in this file, as `gateway prompts label` writes it down.

    Attributes:
        from, to: a version, or weights by version; left out where the label stood nowhere.
        at: when. by: who. reason: why. gate_run: the run that let it through.
        rollback: it takes back the move before. forced: past the label's gate.
    """

    label: str
    to: Place | None = None
    from_: Place | None = None
    at: Moment
    by: str
    reason: str = ""
    rollback: bool = False
    forced: bool = False
    gate_run: str = ""


class PromptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What there is to say about a prompt, whatever its version.

    Attributes:
        owner: who answers for it. description: what it is for. tags: free words.
        aliases: other names, such as the `pmpt_…` of an import.
        tenants, teams: who may use it, patterns; left out: all. default_for: whose calls are made from it if
            they name no prompt.
        labels: by name the version they stand on, or weights by version; those that stand here are moved here only.
        gates: by label, what its moves need. experiments: by label, how the versions that it stands on are held against
            each other, so that one that does worse is taken off it; of labels that do not stand here.
        history: moves of the labels that stand here, oldest first.
    """

    owner: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    default_for: tuple[Whose, ...] = ()
    labels: dict[str, Place] = {}
    gates: dict[str, Gate] = {}
    experiments: dict[str, Experiment] = {}
    history: tuple[FileMove, ...] = ()


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A version's line in the lock.

    Attributes:
        digest: of front matter, body and partials in canonical form.
        at: when it was published. by: who published it. message: what is new in it.
        after: the version before it, 0 for none, where that is not the number below: imports keep the numbers by which
            callers know their versions, and bring those that somebody still needs.
        source: of the file's bytes. partials: of the bytes of each partial in it, by name. While these match, the
            version is what was published, and nothing has to be compiled to know it.
    """

    digest: Digest
    at: Moment
    by: str = ""
    message: str = ""
    after: Annotated[int, msgspec.Meta(ge=0, le=999_999_999)] | None = None
    source: Digest | None = None
    partials: dict[str, Digest] = {}


Lock = dict[Number, Published]
