"""`gateway compare live`: what live traffic says of a route's targets, a canary, a mirror, or a prompt's versions.

Exit codes: 0 compared, 1 it could not be, 2 an arm is surely worse, or breaks a guard.
"""

import argparse
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from gateway.cli.arguments import Verbs, add_config, date_time, since, verb
from gateway.cli.live_reports import add_writing, printed, write_reports
from gateway.cli.live_tables import print_live
from gateway.cli.report_files import check_printing
from gateway.compare.live.comparing import LEAST
from gateway.compare.live.results import Live, LiveArm
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.core.days import begins
from gateway.core.experiment import Experiment
from gateway.experiments import periods_of, resumed_at
from gateway.ledger.live.reading import Subject
from gateway.ledger.slices import nanoseconds
from gateway.ledger.store import LedgerUnavailable
from gateway.livetraffic import Question, compared, measures_of, question_of
from gateway.policyset import read_policies
from gateway.prompts.loading import read_library
from gateway.router.decided import FOLDER, read_over
from gateway.router.experiments import Running, shares_of
from gateway.stores.wording import nearest

VERB, SUCCESS = "compare live", "success"
CLOCK = SystemClock()
DAYS = 3
# Calls that began so lately may still be under way, or on their way into the ledger.
SETTLED_S = 60.0


def add_to(verbs: Verbs) -> None:
    example = "gateway compare live --route fast --since 7d --metric thumbs --guard error_rate=0.01 --guard latency"
    parser = verb(verbs, VERB, "compare the arms of live traffic: targets, canaries, mirrors, versions", example)
    add_config(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--route", metavar="NAME", help="the targets of a route, its canary, its mirrors")
    which.add_argument("--prompt", metavar="NAME[@LABEL]", help="the versions of a prompt; default: label production")
    parser.add_argument(
        "--since",
        type=since,
        metavar="WHEN",
        help=f"7d, 24h, or a date or time; default: the experiment's beginning, or {DAYS}d",
    )
    parser.add_argument(
        "--until", type=date_time, metavar="WHEN", help=f"the moment after the last; default: {SETTLED_S:.0f} s ago"
    )
    parser.add_argument(
        "--metric", metavar="NAME",
        help="success, thumbs, latency, ttft, cost, or a metric of feedback; default: the experiment's, or success",
    )  # fmt: skip
    parser.add_argument("--margin", type=float, metavar="X", help="how much worse is no worse; default: 0.02, or 5 %%")
    parser.add_argument(
        "--guard", type=guard, action="append", default=[], metavar="METRIC[=X]",
        help="must not be worse by more than X: error_rate=0.02, refusals, latency=0.2, ttft, cost, …",
    )  # fmt: skip
    parser.add_argument("--against", metavar="ARM", default="", help="default: the arm with most of the traffic")
    parser.add_argument("--least", type=int, metavar="N", help=f"of differences; default: {LEAST}")
    add_writing(parser)
    parser.set_defaults(run=run)


def guard(text: str) -> tuple[str, float | None]:
    """`latency=0.2`, or `latency` for the usual allowance, for argparse."""
    name, equals, value = text.partition("=")
    try:
        return name, float(value) if equals else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"a guard is METRIC or METRIC=0.2, not {text!r}") from None


def run(options: argparse.Namespace) -> int:
    if not (options.route or options.prompt):
        return _wrong("say which traffic: --route NAME or --prompt NAME")
    try:
        check_printing(options)
    except ValueError as error:
        return _wrong(error)
    settings = read_config(Path(options.config))
    policies = read_policies(settings.policies_dir, settings.wiring)
    rule = policies.routes.rules.get(options.route)
    running = None if rule is None else rule.experiment
    now = CLOCK.now()
    try:
        question = _question(options, settings, running, now)
        found = compared(settings.ledger, question, policies.routes)
    except (ValueError, LedgerUnavailable) as error:
        return _wrong(error)
    found = msgspec.structs.replace(found, currency=policies.prices.currency, arms=_arms(found, running, settings, now))
    if not printed(options, found, question.measures):
        print_live(found, question.measures)
        _tell_of_unknown(options, found, policies.routes.rules, settings)
    if not write_reports(options, found, question.measures):
        return 1
    return 2 if any(one.word == "worse" or one.broken for one in found.differences) else 0


def _tell_of_unknown(options: argparse.Namespace, found: Live, routes: Collection[str], settings: Settings) -> None:
    """Without calls, a misspelt name looks like a quiet one."""
    if any(one.calls for one in found.arms):
        return
    if options.route and options.route not in routes:
        print(
            f"note: routes.yaml has no route `{options.route}`{nearest(options.route, list(routes))}", file=sys.stderr
        )
    elif found.prompt and found.prompt not in (known := read_library(settings.prompts_dir).prompts):
        print(f"note: there is no prompt `{found.prompt}`{nearest(found.prompt, list(known))}", file=sys.stderr)


def _question(options: argparse.Namespace, settings: Settings, running: Running | None, now: float) -> Question:
    """As the options have it; what they leave open, as the experiment of the route or of the prompt's label declares
    it, or the usual.

    Raises:
        ValueError: there is no such metric.
    """
    feedback = settings.config.feedback
    until_ns = int((now - SETTLED_S) * 1e9) if options.until is None else nanoseconds(options.until)
    prompt, _, label = (options.prompt or "").partition("@")
    usual = datetime.now(UTC) - timedelta(days=DAYS)
    question = Question(
        subject=Subject(options.route or "", prompt, label or ("production" if prompt else "")),
        since_ns=nanoseconds(usual),
        until_ns=until_ns,
        measures=measures_of(options.metric or SUCCESS, options.margin, options.guard, feedback),
    )
    experiment, base, from_s = _experiment(question.subject, running, settings)
    if experiment is not None:
        since_ns = int(from_s * 1e9)
        declared = question_of(question.subject, experiment, base, (since_ns, max(since_ns, until_ns)), feedback)
        periods = () if running is None else periods_of(settings.state_dir / FOLDER, running)
        declared = msgspec.structs.replace(declared, periods=periods)
        own = options.metric is None and options.margin is None and not options.guard
        question = declared if own else msgspec.structs.replace(declared, measures=question.measures)
    since_ns = question.since_ns if options.since is None else nanoseconds(options.since.at)
    return msgspec.structs.replace(
        question,
        since_ns=since_ns,
        base=options.against or question.base,
        least=question.least if options.least is None else options.least,
    )


def _experiment(subject: Subject, running: Running | None, settings: Settings) -> tuple[Experiment | None, str, float]:
    """What is declared, if anything; against which arm; since when."""
    if running is not None:
        began = max(running.from_s, resumed_at(settings.state_dir / FOLDER, running))
        return running.experiment, running.base, began
    entry = read_library(settings.prompts_dir).prompts.get(subject.prompt) if subject.prompt else None
    found = None if entry is None else entry.meta.experiments.get(subject.label)
    return (None, "", 0.0) if found is None else (found, found.base, begins(found.since))


def _arms(found: Live, running: Running | None, settings: Settings, now: float) -> tuple[LiveArm, ...]:
    """With what an experiment gives them now."""
    if running is None:
        return found.arms
    over = read_over(settings.state_dir / FOLDER)
    shares = shares_of(running, over, now, periods_of(settings.state_dir / FOLDER, running))
    return tuple(
        msgspec.structs.replace(
            one,
            share=shares.get(one.arm),
            stopped=over[id_].reason if (id_ := running.ids.get(one.arm)) in over else "",
        )
        for one in found.arms
    )


def _wrong(error: Exception | str) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1
