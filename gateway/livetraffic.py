"""Live traffic compared: the ledger and the policies put together, for the command line and for experiments."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.live.assembling import Assembled, assembled, mirrors_assembled
from gateway.compare.live.comparing import LEAST
from gateway.compare.live.designs import Design
from gateway.compare.live.measures import Measure, Scored, measure_of
from gateway.compare.live.results import Live
from gateway.core.experiment import Experiment
from gateway.ledger.feedback.metrics import DEFAULT, FeedbackOptions
from gateway.ledger.live.reading import Counted, LiveReader, Subject, live_reader
from gateway.ledger.options import LedgerPlace
from gateway.livedesigns import prompt_design, route_design
from gateway.router.experiments import Period
from gateway.router.loading import Routes

NANO = 1_000_000_000


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of live traffic.

    Attributes:
        since_ns, until_ns: Unix nanoseconds; calls that began before the one and not before the other.
        measures: the primary metric, then the guards. arms: versions of a prompt; none: all that were used.
        base: the arm to hold others against; empty: the usual one. periods: shares of a route's arms as they were
            published, oldest first.
        least: differences before anything is claimed.
    """

    subject: Subject
    since_ns: int
    until_ns: int
    measures: tuple[Measure, ...]
    base: str = ""
    arms: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    level: float = 0.95
    least: int = LEAST


def measures_of(
    primary: str,
    margin: float | None,
    guards: Sequence[tuple[str, float | None]],
    feedback: FeedbackOptions,
) -> tuple[Measure, ...]:
    """By their names; an allowance of None is the usual one.

    Raises:
        ValueError: there is no such metric, or it is there twice.
    """
    declared = _declared(feedback)
    found = [measure_of(primary, declared, margin, primary=True)]
    for name, allowed in guards:
        if any(one.name == name for one in found):
            raise ValueError(f"`{name}` is there twice")
        found.append(measure_of(name, declared, allowed, primary=False))
    return tuple(found)


def _declared(feedback: FeedbackOptions) -> Mapping[str, Scored]:
    """Metrics of feedback that are numbers within bounds, or yes and no."""
    found: dict[str, Scored] = {DEFAULT: Scored()}
    for name, one in feedback.metrics.items():
        if one.kind in ("thumbs", "bool"):
            found[name] = Scored()
        elif one.kind == "score" and one.min is not None and one.max is not None:
            found[name] = Scored((one.min, one.max))
    return found


def question_of(
    subject: Subject, experiment: Experiment, base: str, period: tuple[int, int], feedback: FeedbackOptions
) -> Question:
    """What an experiment asks, as it is declared. `period`: Unix nanoseconds.

    Raises:
        ValueError: it names a metric that there is not.
    """
    since_ns, until_ns = period
    return Question(
        subject=subject,
        since_ns=since_ns,
        until_ns=until_ns,
        measures=measures_of(experiment.metric, experiment.margin, experiment.guards.named, feedback),
        base=base,
        level=1.0 - experiment.alpha,
        least=experiment.least,
    )


def compared(place: LedgerPlace, question: Question, routes: Routes) -> Live:
    """What the ledger says by now.

    Raises:
        ValueError: there is no such arm. LedgerUnavailable: the ledger cannot be read.
    """
    subject = question.subject
    with live_reader(place, subject, question.since_ns, question.until_ns) as reader:
        if reader is None:
            return _answer(question, Design(kind="chosen", base="", arms=()), Assembled((), (), {}), ())
        design = design_of(question, routes, reader.counted())
        return answered(reader, question, design)


def design_of(question: Question, routes: Routes, counted: Sequence[Counted]) -> Design:
    """Raises:
    ValueError: there is no such arm.
    """
    subject = question.subject
    if subject.prompt:
        return prompt_design(counted, question.base, question.arms)
    return route_design(routes.rules.get(subject.route), counted, question.base, question.periods)


def answered(reader: LiveReader, question: Question, design: Design) -> Live:
    """By a design that is known."""
    level, least, measures = question.level, question.least, question.measures
    found = assembled(reader, design, measures, until_ns=question.until_ns, level=level, least=least)
    models = sorted(reader.mirrors())
    mirrored = mirrors_assembled(reader, models, measures, level=level, least=least)
    notes = [*design.notes, *found.notes]
    if models:
        notes.append("a mirror is set against the callers' own answers to the same requests, by all that both ended")
    if any(one.field == "feedback" for one in question.measures):
        notes.append("only some callers say what an answer was worth, and not every arm moves the same ones to")
    together = msgspec.structs.replace(
        found, arms=(*found.arms, *mirrored.arms), differences=(*found.differences, *mirrored.differences)
    )
    return _answer(question, design, together, tuple(notes))


def _answer(question: Question, design: Design, found: Assembled, notes: tuple[str, ...]) -> Live:
    subject = question.subject
    return Live(
        route=subject.route,
        prompt=subject.prompt,
        metric=question.measures[0].name,
        unit=design.unit,
        since=question.since_ns / NANO,
        until=question.until_ns / NANO,
        level=question.level,
        least=question.least,
        arms=found.arms,
        differences=found.differences,
        uncounted=found.uncounted,
        best=found.best,
        notes=notes,
    )
