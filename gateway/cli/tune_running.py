"""Tuning over HTTP: what is opened for it, what Ctrl-C means, and how far it is."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.cli.output import printable
from gateway.cli.prices import money
from gateway.cli.suite_running import CLOCK, Place, check_models, forget, means_over_http, tidy
from gateway.compare.grading import Judge
from gateway.compare.running.journal import Head, Journal
from gateway.compare.running.keeping import KeptAnswers
from gateway.compare.tuning.trying import Tried
from gateway.compare.tuning.tuner import INTERRUPTED, Tuned, Tuner, Tuning
from gateway.compare.tuning.workshop import Workshop


def tune_over_http(
    options: argparse.Namespace, place: Place, workshop: Workshop, tuning: Tuning, judges: Sequence[Judge]
) -> Tuned:
    """Run it.

    Raises:
        Unusable: the gateway cannot be asked, or does not know a model. JournalError: the folder of `--run` is not to
        be gone on with. KeyboardInterrupt: with a word on how to go on. What `Tuner.run` raises.
    """
    runs = place.state / "runs"
    tidy(runs)
    folder = Path(options.run_dir) if options.run_dir else runs / tuning.id
    name = f"tune {tuning.aims.name}"
    with Journal(folder, Head(id=tuning.id, suite=name, began=CLOCK.now())) as journal:
        tuning = msgspec.structs.replace(tuning, id=journal.head.id)
        kept = None if options.no_cache else KeptAnswers(place.state / "answers")
        try:
            tuned = asyncio.run(_tuned(options, place, workshop, tuning, judges, journal, kept))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(f"\ninterrupted; go on where it ended with --run {folder}", file=sys.stderr)
            raise KeyboardInterrupt from None
    if tuned.stopped or tuned.ended == INTERRUPTED:
        print(
            f"stopped: {printable(tuned.stopped or tuned.ended)}; go on where it ended with --run {folder}",
            file=sys.stderr,
        )
    elif not options.run_dir:
        forget(folder)
    return tuned


async def _tuned(
    options: argparse.Namespace,
    place: Place,
    workshop: Workshop,
    tuning: Tuning,
    judges: Sequence[Judge],
    journal: Journal,
    kept: KeptAnswers | None,
) -> Tuned:
    async with means_over_http(options, place, journal, kept) as (means, gateway):
        start = workshop.start
        models = [start.arm.model or start.prompt.model or ""]
        if tuning.method != "few-shot":
            models.append(tuning.reflect_model)
        check_models(await gateway.models(), models, judges, options.embeddings)
        tuner = Tuner(workshop, tuning, means, (lambda _, __: None) if options.quiet else _told)
        with _interrupts(tuner):
            return await tuner.run()


@contextlib.contextmanager
def _interrupts(tuner: Tuner):
    """The first Ctrl-C ends the search, the second all of it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    pressed: list[int] = []

    def interrupt() -> None:
        pressed.append(1)
        if len(pressed) == 1:
            said = "the search ends, and the best so far is asked the held-out cases; once more ends all of it"
            print(f"\ninterrupted: {said}", file=sys.stderr)
            tuner.interrupt()
        else:
            task.cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, interrupt)
    except (RuntimeError, ValueError):  # no main thread, or no signals: nobody presses anything
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _told(tried: Tried, best: bool) -> None:
    mark = "best so far" if best else ""
    line = f"{tried.value * 100:5.1f} % of what scores  {tried.candidate.how}  {mark}"
    print(printable(line.rstrip()), file=sys.stderr, flush=True)


def spent_words(tuned: Tuned, tuning: Tuning) -> str:
    """What it took."""
    asked = f"{tuned.calls} questions"
    if tuned.reflections:
        asked += f" and {tuned.reflections} to {tuning.reflect_model}"
    return f"{asked}, for {money(tuned.spent_nano)} {tuning.aims.currency}"
