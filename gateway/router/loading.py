"""Reading policies/routes.yaml, and everything that is checked besides its shape."""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from gateway.access.conditions import VARIABLES, Compiler, Condition, ConditionError
from gateway.core.target import Target, parse_target
from gateway.core.wiring import NEW_PROVIDER, NO_WIRING, Wiring
from gateway.router.canaries import Rollout, rollout_of
from gateway.router.document import Canary, Hedge, Retries, Route, RoutesFile, RouteTarget
from gateway.router.experiments import Running, running_of
from gateway.router.plans import Wish
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.files import digest
from gateway.stores.wording import nearest
from gateway.stores.yamltree import Path_

# What a target's condition may look at; the model is the target's own, and no question.
ROUTE_VARIABLES: Mapping[str, str] = {
    **{name: kind for name, kind in VARIABLES.items() if not name.startswith("model.")},
    "request.input_tokens": "int",
    "request.images": "bool",
    "request.prompt": "string",
    "budget.used_percent": "int",
}
_NEW_MODEL = "as a card in models/, or as a route here with `targets`"


class RouteRule(msgspec.Struct, frozen=True):
    """One name's route, checked. `entries`: its targets' entries by place; `conditions`: those that some have;
    `rollout`: its canary's; `experiment`: its experiment's; `wish`: what it wants of an order, but for the call's own
    word; `hedge`: the route's, where a call may have a second attempt."""

    name: str
    route: Route
    retries: Retries
    timeout_s: float | None
    entries: Mapping[str, RouteTarget] = {}
    conditions: Mapping[str, Condition] = {}
    rollout: Rollout | None = None
    experiment: Running | None = None
    wish: Wish = Wish()
    hedge: Hedge | None = None

    def __post_init__(self) -> None:
        # Always made anew: calls ask for them, and a rule may be made out of another.
        msgspec.structs.force_setattr(self, "wish", _wish_of(self.route))
        msgspec.structs.force_setattr(self, "hedge", self.route.hedge if self.retries.max_attempts > 1 else None)

    @property
    def drawn(self) -> Mapping[str, float]:
        """The targets among which the die of a weighted route chooses, whatever the call, and their weights."""
        if self.route.strategy != "weighted":
            return {}
        open_to_all = [one for one in self.route.targets if one.weight > 0 and not one.when]
        first = min((one.priority for one in open_to_all), default=0)
        return {one.target: one.weight for one in open_to_all if one.priority == first}


def _wish_of(route: Route) -> Wish:
    return Wish(
        route.strategy,
        None if route.max_latency_ms is None else route.max_latency_ms / 1000,
        route.min_quality,
        max_load=1.25 if route.sticky is None else route.sticky.max_load,
    )


class Routes(msgspec.Struct, frozen=True):
    """All routes. `usual`: of a name without one. `targets`: of the names that say their own. `room`: so many calls
    may be under way at a target before it must be asked whether it is full, if it was never too slow."""

    file: RoutesFile = RoutesFile()
    usual: RouteRule = RouteRule("", Route(), Retries(), None)
    rules: Mapping[str, RouteRule] = {}
    targets: Mapping[str, tuple[Target, ...]] = {}
    version: str = ""
    room: float = 0.0

    def __post_init__(self) -> None:
        # Always made anew, as a rule's wish.
        msgspec.structs.force_setattr(self, "room", self.file.overload.max * self.file.overload.batch_share)

    def of(self, name: str) -> RouteRule:
        return self.rules.get(name, self.usual)


NO_ROUTES = Routes()


def read_routes(source: Path | Text, wiring: Wiring = NO_WIRING) -> Routes:
    """The routes in the file.

    Raises:
        DocumentError: as every document, and for a target that is none or stands twice, an unknown provider, a
            condition that does not compile, steps out of order, or a name that config.yaml routes as well.
    """
    document = load_document(source, RoutesFile)
    file = document.value
    if file.overload.min > file.overload.max:
        raise document.error(("overload", "min"), "overload.min is at most overload.max")
    compiler = Compiler(ROUTE_VARIABLES)
    rules: dict[str, RouteRule] = {}
    for name, route in file.routes.items():
        where: Path_ = ("routes", name)
        if name in wiring.routes and route.targets:
            raise document.error(where, f"config.yaml routes `{name}` as well, under `models`; say it in one place")
        rules[name] = _rule(document, where, name, route, compiler, wiring)
    targets = {
        name: tuple(parse_target(one.target) for one in rule.entries.values())
        for name, rule in rules.items()
        if rule.entries
    }
    usual = RouteRule("", Route(), file.retries, file.timeout_s)
    return Routes(file, usual, rules, targets, digest(document.data))


def check_names(document_of: Text, routes: Routes, names: Collection[str]) -> None:
    """Whether what routes lead to is there.

    Raises:
        DocumentError: a route of a name without targets that nothing else declares, or a fallback or mirror to none.
    """
    document = load_document(document_of, RoutesFile)
    for name, rule in routes.rules.items():
        where = ("routes", name)
        if name not in names:
            near = nearest(name, sorted(names), _NEW_MODEL)
            raise document.error(where, f"`{name}` has no targets here, and no card or route{near}")
        for trouble, others in msgspec.structs.asdict(rule.route.fallbacks).items():
            for index, other in enumerate(others):
                if other not in names:
                    reason = f"no model `{other}` is known here{nearest(other, sorted(names), _NEW_MODEL)}"
                    raise document.error((*where, "fallbacks", trouble, index), reason)
        for index, mirror in enumerate(rule.route.mirrors):
            if mirror.model not in names:
                reason = f"no model `{mirror.model}` is known here{nearest(mirror.model, sorted(names), _NEW_MODEL)}"
                raise document.error((*where, "mirrors", index, "model"), reason)


def _rule(
    document: Document[RoutesFile], where: Path_, name: str, route: Route, compiler: Compiler, wiring: Wiring
) -> RouteRule:
    entries: dict[str, RouteTarget] = {}
    conditions: dict[str, Condition] = {}
    for index, entry in enumerate(route.targets):
        path = (*where, "targets", index, "target")
        _check_target(document, path, entry.target, wiring)
        if entry.target in entries:
            raise document.error(path, f"`{entry.target}` stands twice")
        entries[entry.target] = entry
        if entry.when:
            try:
                conditions[entry.target] = compiler.compile(entry.when)
            except ConditionError as error:
                reason = f"`when` of `{entry.target}` of the route `{name}`: {error}"
                raise document.error((*where, "targets", index, "when"), reason) from None
    rollout = None
    if route.canary is not None:
        rollout = _rollout(document, (*where, "canary"), name, route.canary, wiring)
        if route.canary.target in entries:
            reason = f"a canary's target must not be one of the route's `targets`, and `{route.canary.target}` is"
            raise document.error((*where, "canary", "target"), reason)
        entries.setdefault(route.canary.target, RouteTarget(target=route.canary.target, weight=0))
        if not route.targets:
            raise document.error((*where, "canary"), "a route with a canary names its `targets`")
    if route.strategy == "ordered" and any(one.weight not in (0, 1) for one in route.targets):
        raise document.error((*where, "strategy"), "weights count for nothing with `ordered`; say `strategy: weighted`")
    for key in ("max_latency_ms", "min_quality"):
        if getattr(route, key) is not None and route.strategy != "cheapest":
            raise document.error((*where, key), f"`{key}` is for `strategy: cheapest`")
    retries = document.value.retries if route.retries is None else route.retries
    timeout_s = document.value.timeout_s if route.timeout_s is None else route.timeout_s
    rule = RouteRule(name, route, retries, timeout_s, entries, conditions, rollout)
    if route.experiment is None:
        return rule
    return msgspec.structs.replace(rule, experiment=_experiment(document, (*where, "experiment"), rule))


def _experiment(document: Document[RoutesFile], where: Path_, rule: RouteRule) -> Running:
    route, experiment, arms = rule.route, rule.route.experiment, rule.drawn
    assert experiment is not None, "asked of routes with one"
    if route.canary is not None:
        raise document.error(where, "a route has a canary or an experiment, not both")
    if len(arms) < 2:
        said = "an experiment needs `strategy: weighted` and two targets that any call may get: without `when`, of the"
        raise document.error(where, f"{said} lowest `priority`, with weights above 0")
    if route.sticky is not None and route.sticky.by not in ("user", "key"):
        said = (
            f"records do not tell who stays by `{route.sticky.by}`; an experiment's sessions stay `by: user` or `key`"
        )
        raise document.error((*where[:-1], "sticky", "by"), said)
    if experiment.adaptive is not None:
        if route.sticky is not None:
            raise document.error((*where, "adaptive"), "where calls stay with their target, its part cannot change")
        if experiment.adaptive.floor * len(arms) > 1:
            said = f"{len(arms)} arms cannot have {experiment.adaptive.floor:g} of the calls each"
            raise document.error((*where, "adaptive", "floor"), said)
    if experiment.base and experiment.base not in arms:
        raise document.error(
            (*where, "base"), f"`{experiment.base}` is none of the arms{nearest(experiment.base, list(arms))}"
        )
    try:
        return running_of(rule.name, experiment, experiment.base or max(arms, key=lambda one: arms[one]), arms)
    except ValueError as error:
        raise document.error((*where, "since"), str(error)) from None


def _check_target(document: Document[RoutesFile], path: Path_, text: str, wiring: Wiring) -> None:
    try:
        provider = parse_target(text).provider
    except ValueError as error:
        raise document.error(path, str(error)) from None
    if wiring.providers and provider not in wiring.providers:
        known = nearest(provider, sorted(wiring.providers), NEW_PROVIDER)
        raise document.error(path, f"unknown provider `{provider}`{known}")


def _rollout(document: Document[RoutesFile], where: Path_, name: str, canary: Canary, wiring: Wiring) -> Rollout:
    _check_target(document, (*where, "target"), canary.target, wiring)
    try:
        rollout = rollout_of(name, canary)
    except ValueError as error:
        raise document.error((*where, "since"), str(error)) from None
    if not canary.steps or list(canary.steps) != sorted(canary.steps):
        raise document.error(
            (*where, "steps"), "the steps of a canary are parts of the traffic, each more than the last"
        )
    return rollout
