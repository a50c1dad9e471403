"""What `/health/ready`, to anybody, and `/admin/status`, to operators, say of a worker."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway import __version__
from gateway.core.live import Live
from gateway.edge.inflight import InFlight
from gateway.identity.feed import KeyFeed
from gateway.identity.tokens import Tokens
from gateway.ledger.journal import Journal
from gateway.ledger.state import LedgerState, read_state
from gateway.policyfeed import PolicyFeed
from gateway.prompts.library import Library
from gateway.router.mirroring import Mirrors
from gateway.router.router import Router


class Status:
    def __init__(
        self,
        policies: PolicyFeed,
        prompts: Live[Library],
        keys: KeyFeed,
        flights: InFlight,
        journal: Journal,
        engines_file: Path,
        ledger_state: Path,
        experiments_file: Path,
        tokens: Tokens | None,
        store_problem: Callable[[], str] | None,
        router: Router,
        mirrors: Mirrors,
    ) -> None:
        """`store_problem`: why what replicas share their limits in is away; empty: it is not. None: they share none."""
        self._store_problem = store_problem
        self._ledger_state = ledger_state
        self._experiments_file = experiments_file
        self._router = router
        self._mirrors = mirrors
        self._tokens = tokens
        self._policies = policies
        self._prompts = prompts
        self._keys = keys
        self._flights = flights
        self._journal = journal
        self._engines_file = engines_file

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Ready unless draining: a broken policy file, an upstream or an engine that is away must not take a whole
        fleet out of its load balancer. The details tell, in a word each: what a problem says is for operators."""
        details: dict[str, object] = {
            "draining": self._flights.draining,
            "policies": "stale" if self._policies.problem else "ok",
            "prompts": "stale" if self._prompts.value.problems else "ok",
            "keys": "stale" if self._keys.last_error else "ok",
            "journal": "ok" if not self._journal.pending else f"{self._journal.pending} records wait for the disk",
            "ledger": self._ledger().state,
            "engines": {engine["name"]: engine["state"] for engine in self.engines()},
        }
        if self._store_problem is not None:
            details["limits_store"] = "away" if self._store_problem() else "ok"
        return not self._flights.draining, details

    def _ledger(self) -> LedgerState:
        return read_state(self._ledger_state)

    def engines(self) -> list[dict[str, object]]:
        return self._published(self._engines_file)

    def _published(self, file: Path) -> list[dict[str, object]]:
        """What the parent has written for its workers."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=list[dict[str, object]])
        except (OSError, msgspec.MsgspecError):
            return []

    def _experiments(self) -> list[dict[str, object]]:
        """How calls are split now, and what came of the last look at the ledger; of prompts only that."""
        seen = {one["route"]: one for one in self._published(self._experiments_file)}
        split = {one["route"]: one for one in self._router.rollouts.experiments()}
        return [{**split.get(name, {"route": name}), "last_look": seen.get(name)} for name in {**split, **seen}]

    def full(self) -> Mapping[str, object]:
        _, details = self.ready()
        problems = (self._policies.problem, self._keys.last_error, self._ledger().problem)
        return {
            "version": __version__,
            **details,
            "problems": [str(problem) for problem in (*problems, *self._prompts.value.problems) if problem]
            + (self._tokens.problems if self._tokens is not None else [])
            + ([store] if self._store_problem is not None and (store := self._store_problem()) else []),
            "engines": self.engines(),
            "policy_versions": self._policies.set.versions,
            "policy_digest": self._policies.set.digest,
            "calls_under_way": len(self._flights),
            "upstreams": self._router.paced(),
            "targets": self._router.targets(),
            "canaries": self._router.rollouts.view(),
            "experiments": self._experiments(),
            "mirrors": self._mirrors.view(),
        }
