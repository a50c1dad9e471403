"""A plan out of what the command line says."""

import argparse

import msgspec

from gateway.cli.suite_arms import Arms
from gateway.cli.suite_options import selection_of
from gateway.cli.suite_running import CLOCK, Place, new_run
from gateway.compare.cases import Suite
from gateway.compare.grading import Judge
from gateway.compare.running.arms import requests_for
from gateway.compare.running.finding import Aims
from gateway.compare.running.judges import declared_words
from gateway.compare.running.runner import Bounds
from gateway.compare.running.selecting import select
from gateway.compare.running.standing import declared_in
from gateway.compare.running.suites import Plan

CURRENCY = "USD"


def judge_of(options: argparse.Namespace) -> Judge | None:
    """Who judges where a suite names nobody."""
    return None if options.judge is None else Judge(name="judge", model=options.judge)


def judges_of(options: argparse.Namespace, suite: Suite) -> list[Judge]:
    """All who may be asked to judge."""
    judge = judge_of(options)
    return [*suite.judges.values(), *([judge] if judge is not None else [])]


def aims_of(options: argparse.Namespace, place: Place, name: str, suite: Suite) -> Aims:
    """What answers are compared by. `name`: of the suite."""
    return Aims(
        name=name,
        level=options.level,
        seed=options.seed,
        metric=options.metric or suite.metric,
        margin=(suite.margin or 0.0) if options.margin is None else options.margin,
        limits=suite.limits,
        exclude_errors=options.errors == "exclude",
        declared=declared_in(suite, CLOCK.now()),
        currency=place.book.currency if place.book is not None else CURRENCY,
        gateway=place.url,
    )


def bounds_of(options: argparse.Namespace) -> Bounds:
    return Bounds(concurrency=options.concurrency, time_limit_s=options.time_limit)


def plan_of(options: argparse.Namespace, place: Place, name: str, suite: Suite, arms: Arms) -> Plan:
    """`name`: of the suite.

    Raises:
        NothingSelected: no case is left. DocumentError: a case cannot be asked of an arm. re.error: a filter that is
        none.
    """
    selected = select(suite, selection_of(options))
    return Plan(
        id=new_run(),
        suite=suite,
        selected=selected,
        arms=arms.arms,
        requests=requests_for(suite.file, arms.arms, selected.asked, arms.render),
        aims=aims_of(options, place, name, suite),
        streamed=options.stream,
        ceiling_nano=options.max_cost or suite.cost_ceiling_nano,
        bounds=bounds_of(options),
        judged_by=declared_words(judge_of(options)),
    )


def aimed(plan: Plan, **aims: object) -> Plan:
    """The plan with other aims."""
    return msgspec.structs.replace(plan, aims=msgspec.structs.replace(plan.aims, **aims))
