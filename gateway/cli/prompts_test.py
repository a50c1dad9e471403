"""`gateway prompts test`: a prompt's cases asked of a version that is to be used, and of the one that is.

Exit codes: 0 it may take its place, 1 it may not, or could not be tested, 2 the cases do not say.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from gateway.cli.arguments import Verbs, verb
from gateway.cli.keys import actor
from gateway.cli.prompt_places import Place as Prompts
from gateway.cli.prompts_asked import SUITE, Asked, to_test
from gateway.cli.report_files import check_printing
from gateway.cli.suite_arms import Arms, prompt_arms, together
from gateway.cli.suite_files import suite_named
from gateway.cli.suite_options import add_asking, add_cases, add_writing
from gateway.cli.suite_plans import aimed, judge_of, judges_of, plan_of
from gateway.cli.suite_reports import printed, write_reports
from gateway.cli.suite_running import REFUSALS, Place, place_of, run_over_http, unusable
from gateway.cli.suite_tables import print_arms, print_end, print_failures, print_judgement
from gateway.compare.cases import Suite
from gateway.compare.cases.gates import digest_of_gate
from gateway.compare.running.noting import other_prompts
from gateway.compare.running.results import Judgement, Results
from gateway.compare.running.runner import CEILING, TIME, UNPRICED
from gateway.compare.running.selecting import NothingSelected
from gateway.prompts.labels.moves import Verdict
from gateway.prompts.naming import DEFAULT_LABEL
from gateway.stores.reading import StoreUnavailable

_EXITS = {"passed": 0, "failed": 1, "inconclusive": 2}


def add_test(actions: Verbs) -> None:
    """Add `test` to the actions of the verb `prompts`."""
    summary = "ask a prompt's cases of a new version and of the one in use, and say whether it may take its place"
    parser = verb(actions, "test", summary, "gateway prompts test support/triage@draft --against production")
    whose = (
        "what is tested; X: a version, a label, latest or draft; default: the draft, else the latest, of each prompt"
    )
    parser.add_argument("names", nargs="*", metavar="NAME[@X]", help=whose)
    parser.add_argument("--prompt", action="append", default=[], metavar="NAME[@X]", help="the same; once for each")
    parser.add_argument("--against", metavar="X", help="what it stands against; default: production, if set; none")
    parser.add_argument("--suite", metavar="FILE", help=f"the cases, or promptfoo:FILE; default: {SUITE} beside it")
    parser.add_argument("--model", metavar="NAME", help="instead of the prompts' own")
    parser.add_argument("--local", action="store_true", help="put published versions' texts together here, too")
    parser.add_argument("--gate", metavar="LABEL", help="test for this label, by its gate, and note that it was tested")
    add_asking(parser)
    add_cases(parser)
    add_writing(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    options.names = [*options.names, *options.prompt]
    try:
        check_printing(options)
        place = place_of(options)
        prompts = Prompts(place.settings.prompts_dir, place.settings)
        asked = list(to_test(options, prompts.library()))
        _tell_of_alone(options, asked)
        tested = [_test(options, place, one) for one in asked]
        noted = [
            _note(options, prompts, one, results, suite) for one, (results, suite) in zip(asked, tested, strict=True)
        ]
        runs = [results for results, _ in tested]
    except (*REFUSALS, NothingSelected, StoreUnavailable, re.error, ValueError) as error:
        return unusable(error)
    if not printed(options, runs, "gateway prompts test"):
        for results in runs:
            _print(results)
    if not runs:
        print("nothing to test: no prompt has cases and a version besides the one in use", file=sys.stderr)
    written = write_reports(options, runs, "gateway prompts test")
    return max((_exit(results) for results in runs), key=(0, 2, 1).index, default=0) if written and all(noted) else 1


def _tell_of_alone(options: argparse.Namespace, asked: Sequence[Asked]) -> None:
    """Whoever asked for a comparison is told before the first answer that there will be none."""
    for one in asked:
        if one.base is None and not options.against:
            print(
                f"{one.new.name}: the label `{options.gate or DEFAULT_LABEL}` stands on no other version, so each case "
                "has to pass; --against X names one to compare with",
                file=sys.stderr,
            )


def _test(options: argparse.Namespace, place: Place, one: Asked) -> tuple[Results, Suite]:
    suite = suite_named(str(one.suite), judge_of(options), python=options.python)
    models = (options.model,) if options.model else ()
    parameters = dict(options.param)
    several = [prompt_arms(found, models, parameters, local=options.local) for found in (one.base, one.new) if found]
    arms: Arms = together(*several).checked(least=1)
    plan = plan_of(options, place, one.new.name, suite, arms)
    plan = aimed(plan, gates=True, base=arms.arms[0].name if one.base is not None else "")
    if one.gate is not None:
        plan = aimed(plan, margin=one.gate.margin)
    return run_over_http(options, place, plan, judges_of(options, suite)), suite


def _note(options: argparse.Namespace, prompts: Prompts, one: Asked, results: Results, suite: Suite) -> bool:
    """Write down that it was tested, where labels are kept: a label with a gate moves only to what passed. False: what
    was tested is not what is here."""
    if one.gate is None:
        return True
    if results.stopped:
        print(f"{one.new.name}: not noted for the gate, because not all was asked", file=sys.stderr)
        return True
    for other in other_prompts(results.arms, results.graded):
        print(f"{one.new.name}: not noted for the gate, because {other}", file=sys.stderr)
        return False
    judgement = results.judgements[0]
    with prompts.store() as store:
        made = store.record_gate_run(
            prompt=one.new.name,
            digest=one.new.digest,
            against_digest="" if one.base is None else one.base.digest,
            suite_digest=digest_of_gate(suite, one.gate),
            verdict=verdict_of(judgement),
            actor=actor(),
            summary={"run": results.id, "gate": options.gate, "reasons": list(judgement.reasons)},
        )
    print(f"noted as {made.id}: {made.verdict}", file=sys.stderr)
    return True


def verdict_of(judgement: Judgement) -> Verdict:
    """In the words that gates know: what passes is better or equivalent, or passed for another reason."""
    if judgement.gate == "inconclusive":
        return "inconclusive"
    if judgement.gate == "failed":
        return "worse" if judgement.word == "worse" else "failed"
    if judgement.word == "better":
        return "better"
    return "equivalent" if judgement.word == "equivalent" else "passed"


def _exit(results: Results) -> int:
    if results.stopped:
        return 2 if results.stopped in (CEILING, TIME, UNPRICED) else 1
    return _EXITS[results.judgements[0].gate]


def _print(results: Results) -> None:
    print_arms(results)
    print()
    judgement = results.judgements[0]
    print_judgement(judgement, results)
    if judgement.gate != "passed":
        print_failures(results, judgement.other)
    print_end(results)
    print()
