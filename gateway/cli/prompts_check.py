"""`gateway prompts check`: is every prompt right, and every version what was published?"""

import argparse

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json
from gateway.cli.prompt_places import Place, add_place
from gateway.prompts.checking import prompt_problems


def add_check(actions: Verbs) -> None:
    """Add `check` to the actions of the verb `prompts`."""
    summary = "compile every version of every prompt, and compare it with what was published"
    parser = verb(actions, "check", summary, "gateway prompts check --policies policies")
    add_place(parser, _check)


def _check(options: argparse.Namespace, place: Place) -> int:
    problems = prompt_problems(place.root, vouch=place.vouch)
    if options.json:
        print_json(problems)
    elif problems:
        print("\n".join(map(str, problems)))
    else:
        print(f"{place.root}: every prompt is right")
    return 1 if problems else 0
