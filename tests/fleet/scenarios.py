"""What happens to the subject's upstreams, and what is asked of a gateway with everything on. Literal tables."""

from collections.abc import Mapping

import msgspec

from tests.fleet.features import SUBJECT

MATURE = 0.999


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """None: shown, not asked for.

    Attributes:
        success: right answers of all calls, at least.
        p50_ratio, p99_ratio: latency of right answers beside the control's at the same time, at most.
        load: requests at upstreams, or attempts by the ledger, for each call, at most, while it is broken and after.
        back_s: seconds from recovery to full speed, at most.
        spare: requests at the spare model's upstream for each call, at least.
    """

    success: float | None = None
    p50_ratio: float | None = None
    p99_ratio: float | None = None
    load: float | None = None
    back_s: float | None = None
    spare: float | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    broken: upstream → mode, while it is broken.
    stream: calls are streamed.
    before, after: how long all is well first, and again at the end, as parts of how long it is broken.
    mirrored: the subject's calls are sent to the spare model as well, and its control has the same upstreams as it.
    fall_back: calls may go to the spare model when no target of theirs is left.
    only: with these features only; empty: with all.
    """

    says: str
    broken: Mapping[str, str] = {}
    stream: bool = False
    before: float = 0.25
    after: float = 0.0
    mirrored: bool = False
    fall_back: bool = False
    bars: Bars = Bars()
    only: tuple[str, ...] = ()


def _all(mode: str) -> dict[str, str]:
    return dict.fromkeys(SUBJECT, mode)


ONE_DEAD = Bars(success=MATURE, p99_ratio=1.5)
OUTAGE = Bars(load=1.2, back_s=5.0)
SHADOWED = Bars(success=MATURE, p50_ratio=1.03, spare=0.99)

SCENARIOS: Mapping[str, Scenario] = {
    "healthy": Scenario(says="nothing is broken"),
    "dead_black_hole": Scenario(says="one of three never answers", broken={"a": "black_hole"}, bars=ONE_DEAD),
    "dead_refusing": Scenario(says="one of three refuses connections", broken={"a": "refusing"}, bars=ONE_DEAD),
    "dead_failing": Scenario(says="one of three answers 500", broken={"a": "failing"}, bars=ONE_DEAD),
    "failing_half": Scenario(says="one of three answers every other call with 500", broken={"a": "failing_half"}),
    "flapping": Scenario(says="one of three answers 503, 2 s of every 4", broken={"a": "flapping"}),
    "flapping_refusing": Scenario(
        says="one of three refuses connections, 2 s of every 4", broken={"a": "flapping_refusing"}
    ),
    "storm": Scenario(says="one of three answers 429", broken={"a": "storm"}),
    "storm_told": Scenario(says="one of three answers 429 with retry-after", broken={"a": "storm_told"}),
    "storm_of_all": Scenario(says="all answer 429 with retry-after", broken=_all("storm_told"), after=1.0),
    "slow": Scenario(says="one of three takes ten times as long", broken={"a": "slow"}, bars=Bars(p99_ratio=1.2)),
    "slow_all": Scenario(
        says="all three take ten times as long", broken=_all("slow"), after=0.5, bars=Bars(success=MATURE, load=1.2)
    ),
    "narrow": Scenario(says="one of three works on one call at a time", broken={"a": "narrow"}),
    "wrong_model": Scenario(says="one of three does not know the model", broken={"a": "wrong_model"}),
    "half_dead": Scenario(says="one of three sends heads without bodies", broken={"a": "half_dead"}),
    "half_dead_streams": Scenario(
        says="streams: one of three sends heads without events", broken={"a": "half_dead"}, stream=True
    ),
    "cutting": Scenario(says="one of three resets connections in the middle of answers", broken={"a": "cutting"}),
    "cutting_streams": Scenario(
        says="streams: one of three resets connections in the middle of them", broken={"a": "cutting"}, stream=True
    ),
    "outage_failing": Scenario(says="all answer 500, then recover", broken=_all("failing"), after=1.0, bars=OUTAGE),
    "outage_black_hole": Scenario(
        says="none answers, then they recover", broken=_all("black_hole"), after=1.0, bars=OUTAGE
    ),
    "outage_refusing": Scenario(
        says="all refuse connections, then recover", broken=_all("refusing"), after=1.0, bars=OUTAGE
    ),
    "outage_with_fallback": Scenario(
        says="all answer 500, and there is another model to fall back to",
        broken=_all("failing"),
        after=0.5,
        fall_back=True,
        bars=Bars(success=MATURE, back_s=5.0),
        only=("everything",),
    ),
    "overload": Scenario(says="all together can answer five calls of eight", broken=_all("overloaded"), after=0.5),
    "shadow": Scenario(says="every call is mirrored", mirrored=True, bars=SHADOWED, only=("everything",)),
    "shadow_dead": Scenario(
        says="every call is mirrored to one that never answers",
        mirrored=True,
        broken={"s": "black_hole"},
        bars=msgspec.structs.replace(SHADOWED, spare=None),
        only=("everything",),
    ),
}
