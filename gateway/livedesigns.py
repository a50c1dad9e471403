"""How the arms of a route or of a prompt's versions are chosen, by the policies: what live comparisons rest on."""

from collections.abc import Mapping, Sequence

from gateway.compare.live.designs import CANARY, STABLE, Design, Kind, Moving, Shares, Unit, arm_told
from gateway.ledger.live.reading import Counted
from gateway.router.document import Route
from gateway.router.experiments import Period, Running
from gateway.router.loading import RouteRule
from gateway.stores.wording import nearest

# Sessions that stay by something that no record holds.
_UNTOLD = ("session", "prompt_prefix")


def route_design(
    rule: RouteRule | None, counted: Sequence[Counted], base: str = "", periods: Sequence[Period] = ()
) -> Design:
    """Of a route as routes.yaml has it now; None: it has none of that name. `base`: the arm to hold others against.
    `periods`: what was published of its experiment's shares.

    Raises:
        ValueError: there is no such arm.
    """
    if rule is None:
        note = "routes.yaml has no such route now: nobody can say how calls found their targets, and nothing is judged"
        return _chosen(counted, base, note)
    if rule.rollout is not None:
        return _canary(rule, base)
    if rule.experiment is not None:
        return experiment_design(rule, rule.experiment, base, periods)
    route, drawn = rule.route, rule.drawn
    if len(drawn) > 1:
        return _weighted(route, drawn, counted, base)
    why = f"its strategy is `{route.strategy}`" if len(route.targets) > 1 else "it has one target"
    note = f"{why}: no die chooses among its targets, so differences are shown and not judged"
    return _chosen(counted, base, note)


def experiment_design(rule: RouteRule, running: Running, base: str = "", periods: Sequence[Period] = ()) -> Design:
    """Raises:
    ValueError: there is no such arm.
    """
    unit, judged, notes = _unit(rule.route)
    arms, moving = tuple(running.arms), None
    if running.experiment.adaptive is not None:
        known = tuple(Shares(one.from_ns, one.shares) for one in periods)
        # The floor may have been lower than it is now.
        least = min((share for one in known for share in one.shares.values() if share > 0), default=1.0)
        moving = Moving(known, min(running.experiment.adaptive.floor, least))
        notes = (*notes, "shares follow how calls go: each call counts by the inverse of the share that its arm had")
    return Design(
        kind="experiment", base=_base(base, arms, running.base), arms=arms, judged=judged, unit=unit, moving=moving,
        notes=notes,
    )  # fmt: skip


def _weighted(route: Route, drawn: Mapping[str, float], counted: Sequence[Counted], base: str) -> Design:
    notes = [
        "which target the die chose is read from where a call's first attempt went: calls whose target was left alone, "
        "because it was broken or full, count for none, and callers that may use only some of the targets count as "
        "others do; an `experiment` of the route has it recorded"
    ]
    arms = tuple(drawn)
    alike = len(set(drawn.values())) == 1
    heaviest = _most("weighted", arms, counted) if alike else max(arms, key=lambda one: drawn[one])
    unit, judged, more = _unit(route)
    return Design(
        kind="weighted",
        base=_base(base, arms, heaviest),
        arms=arms,
        judged=judged,
        unit=unit,
        notes=(*notes, *more),
    )


def _canary(rule: RouteRule, base: str) -> Design:
    assert rule.rollout is not None, "asked of routes with a canary"
    unit, judged, notes = _unit(rule.route)
    own = "while the canary's target was left alone, its calls count for the others"
    arms = (STABLE, CANARY)
    return Design(
        kind="canary",
        base=_base(base, arms, STABLE),
        arms=arms,
        judged=judged,
        unit=unit,
        canary=rule.rollout.canary.target,
        notes=(own, *notes),
    )


def _unit(route: Route) -> tuple[Unit, bool, tuple[str, ...]]:
    """Whom targets are chosen for; whether records tell; and what to say of it."""
    if route.sticky is None:
        return "call", True, ()
    by = route.sticky.by
    if by in _UNTOLD:
        said = f"calls stay by {by.replace('_', ' ')}, of which no record tells: differences are shown and not judged"
        return "call", False, (said,)
    if by == "key":
        return "key", True, ("a key stays with its target, and so counts once",)
    return "user", True, ("a user stays with his target, and so counts once; a call without a user counts by itself",)


def _chosen(counted: Sequence[Counted], base: str, note: str) -> Design:
    arms = tuple(sorted({one.first_target for one in counted if one.first_target}))
    return Design(
        kind="chosen", base=_base(base, arms, _most("chosen", arms, counted)), arms=arms, judged=False, notes=(note,)
    )


def prompt_design(counted: Sequence[Counted], base: str = "", among: Sequence[str] = ()) -> Design:
    """Of the versions of a prompt that were used, or of these alone.

    Raises:
        ValueError: there is no such version.
    """
    versions = set(among) or {one.prompt_id.rpartition("@")[2] for one in counted}
    arms = tuple(sorted(versions, key=lambda one: (len(one), one)))
    note = "a user, or else a run, stays with his version, and so counts once; any other call counts by itself"
    return Design(
        kind="prompt",
        base=_base(base, arms, _most("prompt", arms, counted)),
        arms=arms,
        unit="user",
        notes=(note,),
    )


def _most(kind: Kind, arms: Sequence[str], counted: Sequence[Counted]) -> str:
    """The arm with most calls."""
    calls = dict.fromkeys(arms, 0)
    for one in counted:
        arm = arm_told(kind, one.variant, one.prompt_id, one.first_target)
        if arm in calls:
            calls[arm] += one.calls
    return max(arms, key=lambda one: calls[one], default="")


def _base(asked: str, arms: Sequence[str], usual: str) -> str:
    if not asked:
        return usual
    if asked not in arms:
        raise ValueError(f"there is no arm `{asked}`{nearest(asked, list(arms)) or '; arms: ' + ', '.join(arms)}")
    return asked
