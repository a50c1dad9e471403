"""`gateway compare`: a suite asked of several models, prompts or routes, and how they differ.

Exit codes: 0 compared, 1 it could not be, 2 it was stopped before all was asked.
"""

import argparse
import re

import msgspec

from gateway.cli.arguments import Verbs, verb
from gateway.cli.prompt_places import Place as Prompts
from gateway.cli.report_files import check_printing
from gateway.cli.suite_arms import Arms, named_arms, prompt_arms, resolved, together
from gateway.cli.suite_files import stem_of, suite_named
from gateway.cli.suite_options import add_asking, add_cases, add_writing, words
from gateway.cli.suite_plans import judge_of, judges_of, plan_of
from gateway.cli.suite_reports import printed, write_reports
from gateway.cli.suite_running import REFUSALS, Place, place_of, run_over_http, unusable
from gateway.cli.suite_tables import print_arms, print_differences, print_end, print_ranking
from gateway.compare.cases import Suite
from gateway.compare.grading import Judge
from gateway.compare.running.comparing import with_contest
from gateway.compare.running.selecting import NothingSelected


def add_to(verbs: Verbs) -> None:
    example = "gateway compare suites/triage.yaml --models gpt-4o-mini,claude-haiku-4-5 --max-cost 0.50"
    parser = verb(verbs, "compare", "ask models, prompts or routes the same cases, and tell them apart", example)
    parser.add_argument("suite", metavar="SUITE", help="the file of cases, promptfoo:FILE or public:NAME")
    parser.add_argument("--models", type=words, default=(), metavar="A,B", help="models; with --prompts: each of both")
    parser.add_argument("--routes", type=words, default=(), metavar="A,B", help="names of routes")
    parser.add_argument("--prompts", type=words, default=(), metavar="X@1,X@2", help="versions of prompts")
    parser.add_argument("--local", action="store_true", help="put the prompts' texts together here, and send those")
    parser.add_argument("--prefer", metavar="TEXT", help="have the judge say which answer is better by that, and rank")
    add_asking(parser)
    add_cases(parser)
    add_writing(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        check_printing(options)
        place, judge = place_of(options), judge_of(options)
        suite = suite_named(options.suite, judge, python=options.python)
        arms = _arms(options, place).checked(least=1)
        plan = plan_of(options, place, stem_of(options.suite), _preferring(suite, options, judge), arms)
        results = run_over_http(options, place, plan, judges_of(options, suite))
    except (*REFUSALS, NothingSelected, re.error, ValueError) as error:
        return unusable(error)
    if not printed(options, [results], "gateway compare"):
        print_arms(results)
        print()
        print_differences(results)
        print_ranking(results)
        print_end(results)
    written = write_reports(options, [results], "gateway compare")
    return 2 if results.stopped else int(not written)


def _arms(options: argparse.Namespace, place: Place) -> Arms:
    parameters = dict(options.param)
    if not options.prompts:
        return together(
            named_arms(options.models, "model", parameters), named_arms(options.routes, "route", parameters)
        )
    library = Prompts(place.settings.prompts_dir, place.settings).library()
    models = (*options.models, *options.routes)
    found = [resolved(library, name) for name in options.prompts]
    return together(*(prompt_arms(one, models, parameters, local=options.local) for one in found))


def _preferring(suite: Suite, options: argparse.Namespace, judge: Judge | None) -> Suite:
    if options.prefer is None:
        return suite
    by = judge or next(iter(suite.judges.values()), None)
    if by is None:
        raise ValueError("--prefer needs somebody to judge: name a model with --judge")
    cases = tuple(case if case.output is not None else with_contest(case, options.prefer, by) for case in suite.cases)
    return msgspec.structs.replace(suite, cases=cases)
