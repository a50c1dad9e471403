"""How an upstream behaves: one row a mode."""

from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
HEALTHY_S = (0.020, 0.040)


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    does: `answer`; `status`: an error, at once; `silence`: takes the request and never answers; `head`: the head of an
        answer and nothing after it; `cut`: half an answer, then the connection is reset; `refuse`: nobody listens, and
        connections that were open are reset, as when a process has died.
    latency_s: to the whole answer or to a stream's first event, evenly distributed between the two.
    pace_s: between two events of a stream.
    status, code, retry_after_s: of an error.
    share: of requests that are treated so; the others are answered. Not of `refuse`.
    capacity: requests worked on at once; others wait, first come, first served.
    flap_s: so long as it says, then healthy for as long, and so on.
    """

    does: Literal["answer", "status", "silence", "head", "cut", "refuse"] = "answer"
    latency_s: tuple[float, float] = HEALTHY_S
    pace_s: float = 0.003
    status: int = 500
    code: str = "server_error"
    retry_after_s: float | None = None
    share: Share = 1.0
    capacity: int | None = None
    flap_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


_LIMITED = Behaviour(does="status", status=429, code="rate_limit_exceeded")

MODES: dict[str, Behaviour] = {
    "healthy": Behaviour(),
    "slow": Behaviour(latency_s=(10 * HEALTHY_S[0], 10 * HEALTHY_S[1])),
    "flapping": Behaviour(does="status", status=503, flap_s=2.0),
    "flapping_refusing": Behaviour(does="refuse", flap_s=2.0),
    "storm": _LIMITED,
    "storm_told": msgspec.structs.replace(_LIMITED, retry_after_s=2.0),
    "failing": Behaviour(does="status"),
    "failing_half": Behaviour(does="status", share=0.5),
    "black_hole": Behaviour(does="silence"),
    "half_dead": Behaviour(does="head"),
    "cutting": Behaviour(does="cut"),
    "refusing": Behaviour(does="refuse"),
    "wrong_model": Behaviour(does="status", status=404, code="model_not_found"),
    "narrow": Behaviour(capacity=1),
    "overloaded": Behaviour(capacity=1, latency_s=(0.050, 0.070)),
}


def in_force(behaviour: Behaviour, since_s: float) -> Behaviour:
    """What a behaviour means now, so long after it began: flapping ones are healthy every other period."""
    if behaviour.flap_s is None or int(since_s / behaviour.flap_s) % 2 == 0:
        return behaviour
    return MODES["healthy"]
