"""What is asked, and what came of it: an arm, and one trial of a case with it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.compare.grading import Grade, Sample

Kind = Literal["model", "prompt", "route"]


class Arm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of those that answer the cases.

    Attributes:
        name: what tables call it; no two arms of a run have the same.
        kind: what it varies: `model` and `route` are names that a request may have as its model.
        model: the name that is asked for; empty: the prompt's own.
        prompt, version, digest: of a prompt arm: `version` 0 is a draft, `digest` is `sha256:…`; label: by which it was
            found, if it was.
        local: its texts are put together here, and sent as messages; else the gateway is told the prompt's name.
        parameters: further fields of the request (`temperature`, `max_tokens`); they win over the prompt's own.
    """

    name: str
    kind: Kind
    model: str = ""
    prompt: str = ""
    version: int = 0
    digest: str = ""
    label: str = ""
    local: bool = False
    parameters: Mapping[str, Any] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why nobody answered. `status`: of HTTP; 0: no answer came at all. `blame`: as the gateway has it. `cost_nano`:
    what it cost all the same, as the gateway says, or else as much as was put aside for it; None: nobody knows."""

    status: int
    code: str
    message: str
    blame: str = ""
    cost_nano: int | None = 0


class Trial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case, asked of one arm, once: what is written down as soon as it has happened, and never changed.

    Attributes:
        arm, case: their names. repeat: counts from 0.
        sample: what came back; None: nobody answered, and `failure` says why.
        grades: one for each assertion, in their order; of select-best, what came of the comparison.
        at: Unix seconds when it was asked.
        call: the id of the call's record in the ledger. target: `provider/model` that served; prompt: what the gateway
            says ran.
        origin: `asked`; `kept`: out of this command's own cache, nothing was paid; `gateway`: out of the gateway's.
        retries: how often it was asked in vain before, because somebody was busy. waited_s: for that, in no latency.
    """

    arm: str
    case: str
    repeat: int
    sample: Sample | None = None
    failure: Failure | None = None
    grades: tuple[Grade, ...] = ()
    at: float = 0.0
    call: str = ""
    target: str = ""
    prompt: str = ""
    origin: Literal["asked", "kept", "gateway"] = "asked"
    retries: int = 0
    waited_s: float = 0.0


def cost_of(trial: Trial) -> int | None:
    """Nano-units that a trial cost its run, grades included; None: it has no price."""
    grading = sum(grade.cost_nano for grade in trial.grades)
    if trial.sample is None:
        failed = 0 if trial.failure is None else trial.failure.cost_nano
        return None if failed is None else grading + failed
    if trial.origin == "kept":
        return grading
    return None if trial.sample.cost_nano is None else trial.sample.cost_nano + grading
