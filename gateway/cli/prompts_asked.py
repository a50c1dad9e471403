"""What `gateway prompts test` tests: which version of which prompt, against which other, by which cases."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.cli.suite_arms import resolved
from gateway.cli.suite_options import LEVEL
from gateway.compare.cases.gates import folder_of
from gateway.core.faults import Fault
from gateway.prompts.building import Entry
from gateway.prompts.document import Gate
from gateway.prompts.library import Library, Resolved
from gateway.prompts.naming import DEFAULT_LABEL

SUITE = "cases.yaml"
_NONE = "none"
# What a gate's run is: all cases, as often as the suite says, by the gate's own margin.
_NOT_WITH_GATE = (
    "tags",
    "filter",
    "limit",
    "repeat",
    "margin",
    "suite",
    "metric",
    "against",
    "model",
    "param",
    "judge",
)


class Asked(msgspec.Struct, frozen=True):
    """One prompt to test. `base`: what it stands against; None: nothing."""

    new: Resolved
    base: Resolved | None
    suite: Path
    gate: Gate | None


def to_test(options: argparse.Namespace, library: Library) -> Iterator[Asked]:
    """What is to be tested; without names, each prompt that has cases and something new."""
    _check_gate(options)
    if options.names:
        for name in options.names:
            yield _one(options, library, name, name.partition("@")[2])
        return
    for name, entry in library.prompts.items():
        if _suite(options, entry, None).exists() and (entry.draft is not None or entry.versions):
            found = _one(options, library, name, "")
            if found.base is None or found.base.digest != found.new.digest:
                yield found


def _check_gate(options: argparse.Namespace) -> None:
    """Raises:
    ValueError: a gate's run is to be another one than the gate says.
    """
    if options.gate is None:
        return
    for name in _NOT_WITH_GATE:
        if getattr(options, name):
            raise ValueError(f"--{name} and --gate do not go together: what a gate's run is, prompt.yaml says")
    if options.level < LEVEL:
        raise ValueError(f"--level and --gate do not go together below {LEVEL:g}: a worse version would pass sooner")
    if options.errors == "exclude":
        raise ValueError("--errors exclude and --gate do not go together: what is not answered does not pass a gate")
    if not options.names:
        raise ValueError("--gate needs the prompt that is to pass it")


def _one(options: argparse.Namespace, library: Library, name: str, wanted: str) -> Asked:
    name = name.partition("@")[0]
    try:
        entry = library.entry(name)
    except Fault as fault:
        raise ValueError(fault.message) from None
    new = resolved(library, f"{name}@{wanted or ('draft' if entry.draft is not None else 'latest')}")
    gate = _gate(options, entry)
    base = _base(options, library, entry)
    if base is not None and base.digest == new.digest and options.names:
        base = None  # a version against itself says nothing: it stands alone
    return Asked(new, base, _suite(options, entry, gate), gate)


def _gate(options: argparse.Namespace, entry: Entry) -> Gate | None:
    if options.gate is None:
        return None
    gate = entry.meta.gates.get(options.gate)
    if gate is None:
        known = ", ".join(sorted(entry.meta.gates)) or "none"
        raise ValueError(
            f"the label `{options.gate}` of {entry.meta.name} has no gate in prompt.yaml; with one: {known}; "
            "without --gate, it is tested against production, and nothing is noted"
        )
    return gate


def _base(options: argparse.Namespace, library: Library, entry: Entry) -> Resolved | None:
    """What is in use. Of a label on several versions, the one that most calls get, as gates have it."""
    if options.against == _NONE:
        return None
    wanted: str = (options.against or options.gate or DEFAULT_LABEL).removeprefix("@")
    position = library.position(entry, wanted)
    if position is None:
        if options.against:
            return resolved(library, f"{entry.meta.name}@{wanted}")
        return None
    return resolved(library, f"{entry.meta.name}@{max(position.weights, key=lambda one: one[1])[0]}")


def _suite(options: argparse.Namespace, entry: Entry, gate: Gate | None) -> Path:
    if options.suite:
        return Path(options.suite)
    return folder_of(entry) / (SUITE if gate is None else gate.suite)
