"""`gateway prompts render`: the messages that a prompt makes of variables; no model is asked."""

import argparse
import json
from pathlib import Path
from typing import Any, cast

from gateway.cli.arguments import Verbs, verb
from gateway.cli.output import print_json, printable
from gateway.cli.prompt_places import Place, add_place, named
from gateway.prompts.dotprompt import Message, TextPart
from gateway.prompts.dotprompt.checking import VariablesError, check
from gateway.prompts.dotprompt.messages import as_json


def add_render(actions: Verbs) -> None:
    """Add `render` to the actions of the verb `prompts`."""
    example = "gateway prompts render demo/summary@draft --var text='It rained all day.'"
    parser = verb(actions, "render", "print the messages that a prompt makes of variables", example)
    parser.add_argument("name", metavar="NAME[@X]", help="X: default production; 3, v3, sha256:…, latest or draft")
    parser.add_argument("--var", type=_variable, action="append", default=[], metavar="NAME=TEXT")
    parser.add_argument("--vars", metavar="FILE", help="a JSON object of variables; --var goes before")
    parser.add_argument("--unit", default="", help="whom a label on several versions divides")
    add_place(parser, _render)


def _render(options: argparse.Namespace, place: Place) -> int:
    name, wanted = named(options.name)
    found = place.library().resolve(name, wanted, options.unit, drafts=True)
    variables = {**(_read(options.vars) if options.vars else {}), **dict(options.var)}
    prompt = found.prompt
    try:
        messages = prompt.render(check(prompt, variables))
    except VariablesError as error:
        raise ValueError(f"{error}; say them with --var NAME=TEXT, or --vars FILE") from None
    if options.json:
        told = {"name": found.name, "version": found.version, "digest": found.digest, "label": found.label}
        told["variant"] = found.variant
        print_json({**told, "model": prompt.model, "config": prompt.config, "messages": as_json(messages)})
        return 0
    which = f"version {found.version}" if found.version else "draft"
    print(f"{found.name}, {which}, {found.digest[:19]}…{f', model {printable(prompt.model)}' if prompt.model else ''}")
    for message in messages:
        _print(message)
    return 0


def _print(message: Message) -> None:
    print(f"\n{message.role}:")
    for part in message.content:
        print(part.text if isinstance(part, TextPart) else json.dumps(as_json([message])[0]["content"]))


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"a variable is name=text, not {text!r}")
    return name, value


def _read(file: str) -> dict[str, Any]:
    """Raises:
    ValueError, OSError: there is no JSON object in it.
    """
    try:
        found: object = json.loads(Path(file).read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds no JSON object of variables")
    return cast(dict[str, Any], found)
