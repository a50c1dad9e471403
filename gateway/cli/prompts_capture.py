"""`gateway prompts capture`: cases out of what callers have asked a prompt, for its tests.

They come out of the pairs of answers that mirrors with `keep: true` keep, of teams that let cases be made of their
calls (`cases_from_traffic` in policies/tenants.yaml). Who has read what was said is in the audit log.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.cli.arguments import Since, Verbs, add_config, since, verb
from gateway.cli.keys import actor
from gateway.cli.output import whole_file
from gateway.cli.prompt_places import Place as Prompts
from gateway.cli.prompts_asked import SUITE, folder_of
from gateway.cli.suite_options import at_least_one
from gateway.compare.capturing.capturing import REASONS, Asked, Capture, capture
from gateway.compare.capturing.redacting import MissingExtra, detectors
from gateway.compare.capturing.writing import NotAppendable, appended, lines_of
from gateway.compare.cases.document import SuiteFile
from gateway.config import Settings, read_config
from gateway.core.extras import installing
from gateway.core.faults import Fault
from gateway.identity.tenants import read_tenants
from gateway.pairs.store import PairStore, PairsUnavailable, opened
from gateway.prompts.building import Entry
from gateway.prompts.dotprompt import Prompt
from gateway.remembering import pair_store_of
from gateway.stores.documents import load_document, read_text
from gateway.stores.reading import StoreUnavailable

PAGE = 500


def add_capture(actions: Verbs) -> None:
    """Add `capture` to the actions of the verb `prompts`."""
    summary = "make cases of what callers have asked, where their team lets cases be made of it"
    parser = verb(actions, "capture", summary, "gateway prompts capture support/triage --since 7d --sample 30")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--since", type=since, required=True, metavar="WHEN", help="7d, 24h, or an ISO date or time")
    parser.add_argument("--sample", type=at_least_one, default=20, metavar="N", help="at most so many; default: 20")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample; default: 0")
    parser.add_argument("--suite", metavar="FILE", help=f"the cases there are; default: {SUITE} beside the prompt")
    parser.add_argument("--write", action="store_true", help="add them to that file, instead of printing them")
    add_config(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        entry = Prompts(settings.prompts_dir, settings).library().entry(options.name)
        found, suite = _captured(options, settings, entry), _suite(options, entry)
        if found.cases and options.write:
            before = suite.read_bytes() if suite.exists() else None
            after = appended(str(suite), before, found.cases)
            with whole_file(suite) as unfinished:
                unfinished.write_bytes(after)
            print(f"{len(found.cases)} cases added to {suite}; say what their answers must be")
        elif found.cases:
            print(lines_of(found.cases), end="")
    except MissingExtra:
        extra = f"looking for secrets and personal data needs the extra `guards`: {installing('guards')}"
        return _failed(f"nothing is given out that was not looked through; {extra}")
    except Fault as fault:
        return _failed(fault.message)
    except (NotAppendable, PairsUnavailable, StoreUnavailable) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}")
    for reason, count in found.left_out.items():
        print(f"left out: {count} calls {REASONS[reason]}", file=sys.stderr)
    if not found.cases:
        print(
            f"no case was captured: cases are made of what mirrors with `keep: true` (routes.yaml) keep of teams with "
            f"`cases_from_traffic: true` (tenants.yaml), and {options.since.words} they kept nothing of this prompt",
            file=sys.stderr,
        )
    return int(not found.cases)


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


def _suite(options: argparse.Namespace, entry: Entry) -> Path:
    return Path(options.suite) if options.suite else folder_of(entry) / SUITE


def _captured(options: argparse.Namespace, settings: Settings, entry: Entry) -> Capture:
    suite, name = _suite(options, entry), entry.meta.name
    known = load_document(read_text(suite), SuiteFile).value.tests if suite.exists() else ()
    looking: Since = options.since
    asked = Asked(
        prompt=name,
        since_ns=int(looking.at.timestamp() * 1e9),
        sample=options.sample,
        seed=options.seed,
        consenting=read_tenants(settings.policies_dir / "tenants.yaml").consenting,
        version=lambda number: _version(entry, number),
        known=[test.vars for test in known],
    )
    looks = detectors()
    # Before it is read: who has read what somebody said is known, or nobody has.
    details = {"since": looking.at.isoformat(), "sample": options.sample}
    Prompts(settings.prompts_dir, settings).note(actor(), "prompt.capture", name, details)
    with opened(pair_store_of(settings)) as store:
        return capture(_rows(store, asked.since_ns), store.get, asked, looks)


def _version(entry: Entry, number: int) -> Prompt | None:
    version = entry.versions.get(number)
    try:
        return None if version is None else version.prompt()
    except Fault:
        return None


def _rows(store: PairStore, since_ns: int) -> Iterator[Mapping[str, Any]]:
    before: tuple[int, str] | None = None
    while page := store.page({}, before, PAGE):
        yield from page
        before = (page[-1]["at_ns"], page[-1]["id"])
        if before[0] < since_ns:
            return
