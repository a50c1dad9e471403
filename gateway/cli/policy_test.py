"""`gateway policy test`: what reviewers expect of the policies, held against them."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.access.cases import Case, Placed, read_cases
from gateway.access.rules import PolicyException
from gateway.cli.arguments import Verbs, add_json, verb
from gateway.cli.junit import Result, Suite, junit
from gateway.cli.output import print_json
from gateway.cli.policy_folders import add_folders, folder_of, settings_of, wiring_of
from gateway.policyset import PolicySet, read_policies
from gateway.policytest import Coverage, Outcome, Unmatched, coverage, names_of, run_cases
from gateway.stores.folders import read_folder

TESTS = "tests"


def add_test(actions: Verbs) -> None:
    """Add `test` to the actions of the verb `policy`."""
    parser = verb(actions, "test", "run the tests of the policies", "gateway policy test --junit policy-tests.xml")
    add_folders(parser)
    parser.add_argument("--tests", metavar="DIR", help=f"a folder of tests; default: {TESTS} among the policies")
    parser.add_argument("--junit", metavar="FILE", help="write the results there as JUnit XML")
    parser.add_argument("--require-coverage", action="store_true", help="fail if a rule or an exception has no test")
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    folder = folder_of(options, settings)
    policies = read_policies(folder, wiring_of(settings))
    tests = Path(options.tests) if options.tests else folder / TESTS
    cases = read_cases(list(read_folder(tests.parent, (), (tests.name,)).values()), names_of(policies))
    if not cases:
        print(f"error: {tests}: there are no tests", file=sys.stderr)
        return 1
    outcomes = run_cases(policies, cases, time.time())
    covered = coverage(policies, outcomes)
    if options.junit:
        suites = [*_suites(outcomes), *([_coverage_suite(policies, covered)] if options.require_coverage else [])]
        try:
            Path(options.junit).write_bytes(junit(suites, "gateway policy test"))
        except OSError as error:
            print(f"error: {options.junit}: {error.strerror}", file=sys.stderr)
            return 1
    passed = sum(outcome.passed for outcome in outcomes)
    if options.json:
        print_json(_as_json(outcomes, covered))
    else:
        for outcome in outcomes:
            if not outcome.passed:
                print("\n".join(_failure(outcome)), end="\n\n")
        for line in _uncovered(policies, covered):
            print(line)
        print(f"{passed} passed, {len(outcomes) - passed} failed")
    return int(passed < len(outcomes) or bool(options.require_coverage and covered.uncovered))


def _failure(outcome: Outcome) -> Iterator[str]:
    """What a reviewer needs to see what is wrong: the test, or the rules."""
    placed, decision = outcome.placed, outcome.decision
    case = placed.case
    yield f"FAILED {placed.file}:{placed.line}: {case.name}"
    yield f"  asked     {_asked(case)}"
    yield f"  expected  {_expected(case)}"
    got = f"{'allow' if decision.allowed else 'deny'}{f' by {decision.rule_id}' if decision.rule_id else ''}"
    served = f", served by {outcome.target}" if outcome.target else ""
    yield f"  got       {got} ({decision.basis}){served}"
    yield f"  because   {decision.reason}"
    if decision.remedy:
        yield f"  remedy    {decision.remedy}"
    for one in outcome.differences:
        yield f"  {one.what}: expected {one.expected}, got {one.got}"
    for why in outcome.unmatched:
        yield from _unmatched(why)


def _unmatched(why: Unmatched) -> Iterator[str]:
    about = f"the rule {why.rule} about {why.target} for {why.operation}"
    if not why.missed:
        yield f"  {about}: it matches, and something else decides"
        return
    yield f"  {about} does not match:"
    for check in why.missed:
        yield f"    {check.name}: wanted {check.wanted}, found {check.found or 'nothing'}"


def _asked(case: Case) -> str:
    who, request = case.who, case.request
    facts = [f"{name}={value}" for name, value in who.labels.items()]
    facts += [f"{name}={','.join(words)}" for name, words in who.claims.items()]
    facts += [f"data_class={who.data_class}"] if who.data_class else []
    known = f" ({', '.join(facts)})" if facts else ""
    words = [f"team {who.team} of {who.tenant}{known}", case.model, case.operation]
    words += ["with tools"] if request.tools else []
    words += [f"hosted tools {', '.join(request.hosted_tools)}"] if request.hosted_tools else []
    words += [f"up to {request.max_output_tokens} tokens"] if request.max_output_tokens else []
    words += ["streamed"] if request.stream else []
    words += [f"prompt {request.prompt}"] if request.prompt else []
    return ", ".join([*words, f"at {case.at}"] if case.at else words)


def _expected(case: Case) -> str:
    words = [f"{case.expect} by {case.rule}" if case.rule else case.expect]
    words += [f"({case.basis})"] if case.basis else []
    words += [f"code {case.code}"] if case.code else []
    return " ".join([*words, f"served by {case.target}"] if case.target else words)


def _uncovered(policies: PolicySet, found: Coverage) -> Iterator[str]:
    total = len(found.covered) + len(found.uncovered)
    for one in policies.access.entries.all:
        if one.id in found.uncovered:
            kind = "exception" if isinstance(one.source, PolicyException) else one.source.effect
            yield f"no test meets {one.id} ({kind}, {one.source.owner})"
    yield f"{len(found.covered)} of {total} rules and exceptions are covered"


def _suites(outcomes: Sequence[Outcome]) -> list[Suite]:
    by_file: dict[str, list[Result]] = {}
    for outcome in outcomes:
        placed = outcome.placed
        failure, details = "", ""
        if not outcome.passed:
            failure = "; ".join(f"{one.what}: expected {one.expected}, got {one.got}" for one in outcome.differences)
            details = "\n".join(_failure(outcome))
        by_file.setdefault(placed.file, []).append(Result(placed.case.name, failure, details))
    return [Suite(file, results) for file, results in by_file.items()]


def _coverage_suite(policies: PolicySet, found: Coverage) -> Suite:
    missing = "no test meets it"
    results = [
        Result(one.id, *(("", "") if one.id in found.covered else (missing, f"{one.id}: {missing}")))
        for one in policies.access.entries.all
    ]
    return Suite("rules with tests", results)


def _as_json(outcomes: Sequence[Outcome], found: Coverage) -> dict[str, Any]:
    passed = sum(outcome.passed for outcome in outcomes)
    return {
        "passed": passed,
        "failed": len(outcomes) - passed,
        "tests": [_test_as_json(outcome) for outcome in outcomes],
        "coverage": {"covered": found.covered, "uncovered": found.uncovered},
    }


def _test_as_json(outcome: Outcome) -> dict[str, Any]:
    placed: Placed = outcome.placed
    return {
        "name": placed.case.name,
        "file": placed.file,
        "line": placed.line,
        "passed": outcome.passed,
        "decision": outcome.decision,
        "target": outcome.target or None,
        "deciders": sorted(outcome.deciders),
        "differences": outcome.differences,
        "unmatched": outcome.unmatched,
    }
