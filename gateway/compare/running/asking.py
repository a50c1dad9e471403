"""Who is asked, and what one hears: the seam between a run and whatever answers it."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from gateway.compare.grading import Sample
from gateway.compare.running.trials import Arm, Failure

_sorted = msgspec.json.Encoder(order="sorted").encode


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one arm.

    Attributes:
        id: of this asking; goes along as `x-client-request-id`.
        request: the body of a chat completion, without `stream`.
        digest: of all that the answer depends on but chance; see `digest_of`.
        fresh: an answer made now, and no kept one: repeats of a case are to differ where the model does.
    """

    id: str
    arm: Arm
    case: str
    repeat: int
    request: Mapping[str, Any]
    digest: str
    fresh: bool = False


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        sample: the answer; None: there is none, and `failure` says why.
        call, target, prompt: as in `Trial`. kept: it came out of the gateway's own cache.
        cost_nano: of a failure: what it cost all the same, as of an answer that broke off; None: nobody can say.
        again_in_s: somebody is busy, and may be asked again after so long; None: asking again does not help.
    """

    sample: Sample | None = None
    failure: Failure | None = None
    call: str = ""
    target: str = ""
    prompt: str = ""
    kept: bool = False
    cost_nano: int | None = 0
    again_in_s: float | None = None


# Raises nothing but a cancel.
Ask = Callable[[Question], Awaitable[Heard]]


def digest_of(arm: Arm, request: Mapping[str, Any], *, streamed: bool) -> str:
    """`sha256:…` of what is asked. A prompt counts by its digest: a label that moved asks something else."""
    asked = {"request": request, "prompt": arm.digest, "streamed": streamed}
    return f"sha256:{hashlib.sha256(_sorted(asked)).hexdigest()}"
