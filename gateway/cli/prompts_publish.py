"""`gateway prompts publish`: a draft becomes the next version."""

import argparse

from gateway.cli.arguments import Verbs, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json
from gateway.cli.prompt_places import CLOCK, Place, add_place
from gateway.prompts.publishing import publish


def add_publish(actions: Verbs) -> None:
    """Add `publish` to the actions of the verb `prompts`."""
    example = "gateway prompts publish demo/summary --message 'shorter, in plain words'"
    parser = verb(actions, "publish", "make a prompt's draft its next version, which never changes again", example)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--message", default="", help="what is new in it; kept in versions.yaml")
    parser.add_argument("--by", default="", metavar="WHO", help="who publishes; default: who is at this terminal")
    add_place(parser, _publish)


def _publish(options: argparse.Namespace, place: Place) -> int:
    by = options.by or actor()
    made = publish(place.root, options.name, by=by, message=options.message, clock=CLOCK)
    place.note(by, "prompt.publish", f"{made.name}@{made.version}", {"digest": made.digest, "message": options.message})
    if options.json:
        print_json({"name": made.name, "version": made.version, "digest": made.digest, "file": made.file})
    else:
        print(f"{made.name} has version {made.version}, {made.digest[:19]}…: {made.file}")
        print(f"move a label to it: gateway prompts label {made.name} production {made.version}")
    return 0
