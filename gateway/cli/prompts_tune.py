"""`gateway prompts tune`: better instructions and examples for a prompt, searched for by its cases, and proven by cases
that the search has not seen. It writes a draft, and publishes nothing.

Exit codes: 0 a better version was found, and is the draft; 1 it could not be tuned; 2 nothing was found that the
held-out cases call better, or it was stopped before.
"""

import argparse
import sys
from pathlib import Path
from typing import cast

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import json_lines, printable
from gateway.cli.prices import money
from gateway.cli.prompt_places import Place as Prompts
from gateway.cli.prompts_asked import SUITE
from gateway.cli.report_files import write_file
from gateway.cli.suite_arms import resolved
from gateway.cli.suite_files import suite_named
from gateway.cli.suite_options import add_asking, add_cases, at_least_one, selection_of, share
from gateway.cli.suite_plans import aims_of, bounds_of, judge_of, judges_of
from gateway.cli.suite_running import CLOCK, REFUSALS, Place, new_run, place_of, unusable
from gateway.cli.suite_tables import print_arms, print_judgement
from gateway.cli.tune_running import spent_words, tune_over_http
from gateway.compare.cases import Suite
from gateway.compare.cases.gates import folder_of
from gateway.compare.running.judges import declared_words
from gateway.compare.running.selecting import select
from gateway.compare.tuning.evaluating import Asking, Unasked
from gateway.compare.tuning.evidence import Evidence, diff_of, evidence_of, file_of
from gateway.compare.tuning.parts import divide
from gateway.compare.tuning.reflective import MissingExtra, load_gepa
from gateway.compare.tuning.tuner import Method, Tuned, Tuning, warnings_of
from gateway.compare.tuning.workshop import Start, Workshop
from gateway.core.days import written
from gateway.core.faults import Fault
from gateway.core.money import NANO
from gateway.prompts.building import Entry
from gateway.prompts.drafting import check_no_draft, write_draft
from gateway.prompts.library import Library
from gateway.prompts.naming import DEFAULT_LABEL, DRAFT
from gateway.stores.reading import StoreUnavailable

DEFAULT_CEILING = NANO
_METHODS = ("reflect", "few-shot", "both")


def add_tune(actions: Verbs) -> None:
    """Add `tune` to the actions of the verb `prompts`."""
    summary = "search for better instructions and examples by a prompt's cases, and write what is proven as a draft"
    parser = verb(actions, "tune", summary, "gateway prompts tune support/triage --reflect-model gpt-4o --max-cost 2")
    parser.add_argument("name", metavar="NAME")
    whose = "the version to begin with: a number, a label, latest or draft; default: production, else the latest"
    parser.add_argument("--from", dest="wanted", metavar="X", help=whose)
    parser.add_argument("--suite", metavar="FILE", help=f"the cases, or promptfoo:FILE; default: {SUITE} beside it")
    parser.add_argument("--model", metavar="NAME", help="instead of the prompt's own")
    how = parser.add_argument_group("searching")
    what = "other instructions (reflect), examples (few-shot), or first the one and then the other; default: both"
    how.add_argument("--method", choices=_METHODS, default="both", help=what)
    how.add_argument("--reflect-model", metavar="NAME", help="proposes instructions; default: the prompt's model")
    tries = "proposals asked for, and sets of examples tried, at most; default: 12"
    how.add_argument("--rounds", type=at_least_one, default=12, metavar="N", help=tries)
    how.add_argument("--max-calls", type=at_least_one, metavar="N", help="questions that the search may ask")
    how.add_argument("--examples", type=at_least_one, default=4, metavar="N", help="in one set, at most; default: 4")
    held = "of the cases, what is held out, by what they ask; default: 0.4"
    how.add_argument("--validation", type=_validation, default=0.4, metavar="SHARE", help=held)
    out = parser.add_argument_group("results")
    out.add_argument("--anyway", action="store_true", help="write the best of the search, whatever held-out cases say")
    out.add_argument("--overwrite", action="store_true", help="a draft that is there already")
    out.add_argument("--json", metavar="FILE", help="write the evidence there, too; `-` prints it instead of tables")
    out.add_argument("--quiet", action="store_true", help="no progress")
    add_asking(parser)
    add_cases(parser)
    parser.set_defaults(run=run)


def _validation(text: str) -> float:
    found = share(text)
    if not 0.1 <= found <= 0.8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0.1 to 0.8")
    return found


def run(options: argparse.Namespace) -> int:
    try:
        if options.method != "few-shot":
            load_gepa()
        place = place_of(options)
        prompts = Prompts(place.settings.prompts_dir, place.settings)
        library = prompts.library()
        entry = library.entry(options.name)
        name = entry.meta.name
        check_no_draft(prompts.root, name, overwrite=options.overwrite)
        workshop = Workshop(_start(options, library, entry))
        path = Path(options.suite) if options.suite else folder_of(entry) / SUITE
        suite = suite_named(str(path), judge_of(options), python=options.python)
        tuning = _tuning(options, place, workshop, suite)
        tuned = tune_over_http(options, place, workshop, tuning, judges_of(options, suite))
        return _ended(options, prompts.root, workshop, tuning, tuned)
    except Fault as fault:
        return unusable(ValueError(fault.message))
    except Unasked as error:
        return unusable(ValueError(f"the model that proposes does not answer: {error}"))
    except (*REFUSALS, MissingExtra, StoreUnavailable, ValueError) as error:
        return unusable(error)
    except OSError as error:
        return unusable(ValueError(f"{error.filename}: {error.strerror}"))


def _start(options: argparse.Namespace, library: Library, entry: Entry) -> Start:
    name = entry.meta.name
    wanted = (options.wanted or "").removeprefix("@")
    if not wanted:
        labelled = library.position(entry, DEFAULT_LABEL) is not None
        wanted = DEFAULT_LABEL if labelled else "latest" if entry.versions else DRAFT
    found = resolved(library, f"{name}@{wanted}")
    version = entry.versions[found.version] if found.version else entry.draft
    assert version is not None, "what was resolved is there"
    return Start(
        name=name,
        version=found.version,
        digest=found.digest,
        prompt=found.prompt,
        data=version.data,
        partials=version.partials,
        model=options.model or "",
        parameters=dict(options.param),
    )


def _tuning(options: argparse.Namespace, place: Place, workshop: Workshop, suite: Suite) -> Tuning:
    """Raises: ValueError: there is nothing to change, no model, or there are too few cases."""
    start, method = workshop.start, cast(Method, options.method)
    if method != "few-shot" and not workshop.words:
        raise ValueError("the prompt has no words of its own to change; try --method few-shot")
    if method != "reflect" and not workshop.takes_examples:
        raise ValueError("the prompt ends with no message of the user, before which examples go; try --method reflect")
    model = start.arm.model or start.prompt.model or ""
    if not model:
        raise ValueError("the prompt names no model; say one with --model")
    parts = divide(select(suite, selection_of(options)).asked, options.validation)
    ceiling = options.max_cost or suite.cost_ceiling_nano or DEFAULT_CEILING
    aims = aims_of(options, place, start.arm.prompt, suite)
    if not options.quiet:
        sizes = f"{len(parts.shown)} cases to learn from, {len(parts.scored)} to score by, {len(parts.held)} held out"
        print(f"{start.arm.name}: {sizes}; at most {money(ceiling)} {aims.currency}", file=sys.stderr)
    for warning in warnings_of(parts, aims.metric):
        print(f"warning: {warning}", file=sys.stderr)
    return Tuning(
        id=new_run(),
        suite=suite,
        parts=parts,
        method=method,
        rounds=options.rounds,
        most_examples=options.examples,
        seed=options.seed,
        reflect_model=options.reflect_model or model,
        ceiling_nano=ceiling,
        aims=aims,
        asking=Asking(
            metric=aims.metric,
            bounds=bounds_of(options),
            judged_by=declared_words(judge_of(options)),
            streamed=options.stream,
            most_calls=options.max_calls,
        ),
    )


def _ended(options: argparse.Namespace, root: Path, workshop: Workshop, tuning: Tuning, tuned: Tuned) -> int:
    """What is said, and written; the exit code."""
    best = tuned.best or workshop.start
    now = written(CLOCK.now())
    evidence = evidence_of(tuned, tuning, workshop.start, best, now)
    encoded = json_lines(evidence)
    if options.json == "-":
        sys.stdout.write(encoded.decode())
    else:
        _print(workshop, tuning, tuned, evidence)
    if tuned.best is not None and (tuned.proven or options.anyway):
        beside = {file_of(best.digest): encoded}
        name = workshop.start.arm.prompt
        draft = write_draft(root, name, best.source.encode(), beside, overwrite=options.overwrite)
        print(f"written: {draft}, and {file_of(best.digest)} beside it; publish it with", file=sys.stderr)
        print(f"  gateway prompts publish {name}", file=sys.stderr)
    elif tuned.best is not None:
        print("no draft is written; --anyway writes one all the same", file=sys.stderr)
    # Last: what was paid for is not lost for a path that cannot be written.
    if options.json not in (None, "-") and not write_file(Path(options.json), encoded):
        return 1
    return 0 if tuned.proven else 2


def _print(workshop: Workshop, tuning: Tuning, tuned: Tuned, evidence: Evidence) -> None:
    if tuned.scored is None or tuned.held is None or tuned.best is None:
        print("nothing was found that is better by the cases that score")
    else:
        print(printable(tuned.best.how))
        sys.stdout.write("".join(f"{printable(line)}\n" for line in diff_of(workshop.start, tuned.best).splitlines()))
        print(f"\nby the {len(tuning.parts.scored)} cases that it was chosen by")
        print_arms(tuned.scored)
        print(f"\nby the {len(tuning.parts.held)} cases that were held out")
        print_arms(tuned.held)
        print_judgement(tuned.held.judgements[0], tuned.held)
    for reason, count in evidence.refused.items():
        print(f"refused {count} times: {printable(reason)}" if count > 1 else f"refused: {printable(reason)}")
    print(f"the search ended: {printable(tuned.ended) or 'all cases that score pass'}")
    print(spent_words(tuned, tuning))
