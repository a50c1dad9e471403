"""`gateway ledger forget`: take somebody out of the ledger; what they used stays."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

import msgspec

from gateway.alerting import outbox_of
from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.keys import actor
from gateway.cli.output import print_json
from gateway.config import Settings, read_config
from gateway.core.clock import SystemClock
from gateway.identity.keystore import KeyStore
from gateway.ledger.alerts.budgets import scope_of
from gateway.ledger.alerts.outbox import OutboxUnavailable
from gateway.ledger.catching_up import NotCaughtUp, catch_up
from gateway.ledger.forgetting import Forgotten, forget_person
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.writing import ledger_transaction
from gateway.pairs.store import PairsUnavailable, forget_pairs
from gateway.remembering import MIRRORS, pair_store_of


def add_to(actions: Verbs) -> None:
    example = "gateway ledger forget --user jane@example.com --tenant acme"
    parser = verb(actions, "forget", "take a person out of the ledger; what they used stays", example)
    add_config(parser)
    add_json(parser)
    parser.add_argument("--user", required=True, help="the name, as reports by user show it")
    parser.add_argument("--tenant", help="only in this tenant; default: in all")
    parser.add_argument("--tags", action="store_true", help="also the tags of their calls, which seals those anew")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    clock = SystemClock()
    try:
        catch_up(settings.ledger, settings.state_dir / "journal", clock)
        with ledger_transaction(settings.ledger) as ledger:
            user, tenant = options.user, options.tenant
            done = Forgotten() if ledger is None else forget_person(ledger, user, tenant, options.tags, clock.now_ns())
        alerts = _forget_alerts(settings, user, tenant, done.own_keys)
        pairs = _forget_pairs(settings, user, tenant)
    except (LedgerUnavailable, NotCaughtUp, OutboxUnavailable, PairsUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not (done.persons or alerts or pairs):
        where = "" if options.tenant is None else f" in tenant `{options.tenant}`"
        said = f"the ledger knows nobody of this name{where}; `gateway usage --by user` shows the names as they are"
        print(f"error: {said}", file=sys.stderr)
        return 1
    _note(settings, done, pairs, clock)
    if options.json:
        print_json({**_told(done), "persons": done.persons, "alerts": alerts, "pairs": pairs})
    else:
        _print(settings, done, alerts, pairs)
    return 0


def _told(done: Forgotten) -> dict[str, int]:
    """What may be told of it to everybody."""
    counts = msgspec.structs.asdict(done)
    return {name: count for name, count in counts.items() if name not in ("persons", "own_keys")}


def _forget_alerts(settings: Settings, user: str, tenant: str | None, keys: Collection[str]) -> int:
    """Drop what was told of budgets per user or personal key that are this person's. → how many alerts."""
    if not (settings.state_dir / "alerts.db").exists():
        return 0

    def about(key: str) -> bool:
        scope = scope_of(key)
        theirs = scope.get("user") == user or scope.get("key") in keys
        return theirs and (tenant is None or scope.get("tenant", tenant) == tenant)

    with outbox_of(settings) as outbox:
        return outbox.forget(about)


def _forget_pairs(settings: Settings, user: str, tenant: str | None) -> int:
    """Drop what mirrors keep of this person's calls. → how many pairs."""
    if not (settings.state_dir / MIRRORS).exists():
        return 0
    return forget_pairs(pair_store_of(settings), user, tenant)


def _note(settings: Settings, done: Forgotten, pairs: int, clock: SystemClock) -> None:
    """The audit line says what was done, and not to whom."""
    details = {**_told(done), "pairs": pairs}
    with KeyStore(settings.state_dir / "identity.db", clock) as store:
        for person in done.persons:
            store.note(actor(), "ledger.forget", f"person {person}", details)


def _print(settings: Settings, done: Forgotten, alerts: int, pairs: int) -> None:
    if done.persons:
        persons = ", ".join(f"forgotten:{person}" for person in done.persons)
        print(f"done; reports show {persons} from now on. Key ids were taken out of {done.calls} calls.")
    if done.texts:
        print(f"What was written in {done.texts} pieces of feedback, by them or about their calls, was taken out.")
    if alerts:
        print(f"{alerts} alerts about budgets of theirs were dropped; receivers of webhooks keep what they were sent")
    if pairs:
        print(f"{pairs} requests of theirs that mirrors keep were dropped, with their answers")
    if done.shared_keys:
        print(
            f"{done.shared_keys} personal key ids were used for others as well; calls for those others keep them: "
            "forget those people too, if the keys are this person's"
        )
    journal = settings.state_dir / "journal"
    left = [*sorted(journal.glob("*.jnl")), *sorted((journal / "quarantine").glob("*"))]
    if left:
        seconds = settings.config.journal.segment_s
        files = "1 file" if len(left) == 1 else f"{len(left)} files"
        print(
            f"{files} below {journal} may still hold the name: segments go by themselves when they are full "
            f"or {seconds:g} s old and another call comes; what is in quarantine/ is for you to remove"
        )
    print("stored responses (responses.db) are kept by tenant, not by user: they go when they expire")
