"""Running a suite against a running gateway: what is opened for it, and what is said when it cannot be."""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from gateway.catalogue.prices import PriceBook, Priced
from gateway.cli.arguments import gateway_url
from gateway.cli.output import printable
from gateway.cli.suite_progress import ProgressShown
from gateway.compare.grading import Judge, Outside
from gateway.compare.grading.python.process import run_python
from gateway.compare.running.gateways import KnownGateway, Unusable
from gateway.compare.running.journal import FILE, Head, Journal, JournalError
from gateway.compare.running.judges import Judging
from gateway.compare.running.keeping import DAY_S, KEEP_DAYS, KeptAnswers
from gateway.compare.running.over_http import OverHttp, Price
from gateway.compare.running.patience import Patience
from gateway.compare.running.results import Results
from gateway.compare.running.suites import Means, Plan, run_suite
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock, uuid7
from gateway.core.usage import Usage
from gateway.policyset import read_policies
from gateway.stores.documents import DocumentError
from gateway.stores.wording import nearest
from gateway.transport.client import HttpClient

CLOCK = SystemClock()
FOLDER = "compare"
_HINT = "; `gateway models list` says which are configured"


class Place(msgspec.Struct, frozen=True):
    """Where it is asked, and with what. `state`: where runs and kept answers are; `book`: prices of whole streams,
    where the policies of that gateway are here."""

    url: str
    key: str
    state: Path
    settings: Settings
    book: PriceBook | None


def place_of(options: argparse.Namespace) -> Place:
    """Raises:
    DocumentError: config.yaml, or the policies, cannot be read. Unusable: there is no key to ask with.
    """
    settings = read_config(Path(options.config))
    book = None if options.gateway else read_policies(settings.policies_dir, settings.wiring).prices
    return Place(gateway_url(options, settings), _key(options, settings), settings.state_dir / FOLDER, settings, book)


def _key(options: argparse.Namespace, settings: Settings) -> str:
    path = Path(options.key_file) if options.key_file else settings.state_dir / "demo.key"
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = "make one with `gateway keys create`, and name its file with --key-file"
        raise Unusable(f"there is no key to ask with in {path} ({getattr(error, 'strerror', error)}); {hint}") from None
    if not key or not key.isascii() or not key.isprintable():
        raise Unusable(f"{path} holds no key")
    return key


def new_run() -> str:
    """The id of a run."""
    return uuid7(CLOCK.now_ns())


def run_over_http(options: argparse.Namespace, place: Place, plan: Plan, judges: Sequence[Judge]) -> Results:
    """Run it, showing how far it is.

    Raises:
        Unusable: the gateway cannot be asked, or does not know a model. JournalError: the folder of `--run` is not to
        be gone on with. KeyboardInterrupt: with a word on how to go on.
    """
    runs = place.state / "runs"
    tidy(runs)
    folder = Path(options.run_dir) if options.run_dir else runs / plan.id
    currency = plan.aims.currency
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(folder, Head(id=plan.id, suite=plan.aims.name, began=CLOCK.now())))
        plan = msgspec.structs.replace(plan, id=journal.head.id)
        kept = None if options.no_cache else KeptAnswers(place.state / "answers")
        told = ProgressShown(CLOCK.monotonic, currency)
        if not options.quiet:
            stack.enter_context(told)
        try:
            results = asyncio.run(_asked(options, place, plan, judges, journal, kept, told))
        except KeyboardInterrupt:
            print(f"\ninterrupted; go on where it ended with --run {folder}", file=sys.stderr)
            raise
    if results.stopped:
        print(f"stopped: {results.stopped}; go on where it ended with --run {folder}", file=sys.stderr)
    elif not options.run_dir:
        forget(folder)
    return results


async def _asked(
    options: argparse.Namespace,
    place: Place,
    plan: Plan,
    judges: Sequence[Judge],
    journal: Journal,
    kept: KeptAnswers | None,
    told: ProgressShown,
) -> Results:
    async with means_over_http(options, place, journal, kept) as (means, gateway):
        asked = dict.fromkeys(str(request["model"]) for request in plan.requests.values() if "model" in request)
        check_models(await gateway.models(), list(asked), judges, options.embeddings)
        return await run_suite(plan, means if options.quiet else msgspec.structs.replace(means, told=told))


@asynccontextmanager
async def means_over_http(
    options: argparse.Namespace, place: Place, journal: Journal, kept: KeptAnswers | None
) -> AsyncGenerator[tuple[Means, KnownGateway]]:
    """What asks a gateway, and grades by it."""
    async with HttpClient(place.settings.config.http_client) as client:
        gateway = KnownGateway(client, place.url, place.key)
        ask = OverHttp(
            client,
            place.url,
            place.key,
            stream=options.stream,
            timeout_s=options.timeout,
            price=_price(place.book),
            no_cache=options.no_cache,
        )
        patience = Patience()
        whole = OverHttp(client, place.url, place.key, timeout_s=options.timeout, no_cache=options.no_cache)
        judging = Judging(whole, kept, patience, asyncio.sleep)
        outside = Outside(
            ask=judging,
            embed=None if options.embeddings is None else (lambda texts: gateway.embed(options.embeddings, texts)),
            python=run_python() if options.python else None,
        )
        means = Means(
            ask=ask,
            outside=outside,
            unpriced=lambda: judging.unpriced + gateway.unpriced,
            journal=journal,
            kept=kept,
            patience=patience,
            clock=CLOCK,
        )
        yield means, gateway


def check_models(known: Sequence[str], asked: Sequence[str], judges: Sequence[Judge], embeddings: str | None) -> None:
    """A misspelt model would be asked for an hour, and refused each time.

    Raises:
        Unusable: with the nearest name.
    """
    wanted = [(model, "") for model in asked] + [(judge.model, "the judge's ") for judge in judges]
    for model, whose in [*wanted, *([(embeddings, "the embeddings' ")] if embeddings else [])]:
        if model and model not in known:
            raise Unusable(
                f"{whose}model `{model}` is not one that this key may use{nearest(model, list(known))}{_HINT}"
            )


def _price(book: PriceBook | None) -> Price | None:
    """By the price book that the gateway here has: what it will write down for a stream, it tells nobody."""
    if book is None:
        return None

    def price(target: str, usage: Usage) -> int | None:
        provider, slash, model = target.partition("/")
        if not slash:
            return None
        costed = book.charges(Priced(provider=provider, model=model, usage=usage, at_s=CLOCK.now()))
        if costed.pricing != "priced":
            return None
        return sum(charge.nano or 0 for charge in costed.charges)

    return price


def tidy(runs: Path) -> None:
    """Runs that were stopped, and that nobody has gone on with for as long as answers are kept, go."""
    for folder in runs.glob("*"):
        try:
            if CLOCK.now() - (folder / FILE).stat().st_mtime > KEEP_DAYS * DAY_S:
                forget(folder)
        except OSError:
            continue


def forget(folder: Path) -> None:
    """A run that has come to its end is in its results; nobody goes on with it."""
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)
    folder.rmdir()


def unusable(error: Exception) -> int:
    """Say why nothing was run; the exit code."""
    # It may quote what an upstream answered.
    print("error: " + "\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
    return 1


REFUSALS = (Unusable, JournalError, DocumentError)
