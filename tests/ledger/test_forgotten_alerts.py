"""`gateway ledger forget` takes what was told of a person's budgets out of alerts.db as well."""

import contextlib
import json
import sqlite3

import pytest
from keeping import call

from gateway.ledger.alerts.budgets import BudgetLevel, reached
from gateway.ledger.alerts.outbox import Outbox
from gateway.ledger.alerts.prices import Unpriced, missing
from gateway.ledger.store import SqliteLedger
from tests.conftest import Gateway, GatewayFactory

JANE, KIM = "jane@example.com", "kim@example.com"
SCOPES = {
    "hers": (("tenant", "acme"), ("user", JANE)),
    "her key's": (("key", "user_jane"),),
    "elsewhere": (("tenant", "other"), ("user", JANE)),
    "another's": (("tenant", "acme"), ("user", KIM)),
    "her team's": (("tenant", "acme"), ("team", JANE)),
    "everybody's": (),
}


@pytest.fixture
def gateway(make_gateway: GatewayFactory) -> Gateway:
    made = make_gateway()
    made.state.mkdir(mode=0o700)
    with SqliteLedger(made.state / "ledger.db") as ledger:
        ledger.commit([call(0, user=JANE, key_id="user_jane"), call(1, user=KIM)], "w-1.jnl", 1)
    with Outbox(made.state / "alerts.db") as outbox:
        for name, scope in SCOPES.items():
            level = BudgetLevel(
                limit=name, figure="cost_per_month", scope=scope, since=0, until=9e9, used_nano=9, maximum_nano=10
            )
            event = reached(level, (50, 80), "USD", 1.0)
            assert event is not None
            outbox.add(event, ["ops"])
        # Not about anybody's budget.
        for event in missing([Unpriced(20_000, JANE, 1)], 1.0):
            outbox.add(event, ["ops"])
    return made


def left(gateway: Gateway) -> set[str]:
    with Outbox(gateway.state / "alerts.db") as outbox:
        told = {one.text.split()[1] + " " + one.text for one in outbox.latest(100)}
        assert len(outbox.due("ops", 9.0)) == len(told), "who was forgotten is sent to nobody"
    return {name for name in SCOPES if any(f"budget {name}:" in text for text in told)}


def test_what_was_told_of_a_person_goes_and_all_else_stays(gateway: Gateway) -> None:
    done = json.loads(gateway.cli("ledger", "forget", "--user", JANE, "--tenant", "acme", "--json").stdout)
    # Of each also the lower threshold, which counts as told.
    assert done["alerts"] == 4
    assert "user_jane" not in json.dumps(done)
    assert left(gateway) == {"elsewhere", "another's", "her team's", "everybody's"}

    said = gateway.cli("ledger", "forget", "--user", JANE).stdout
    assert "2 alerts about budgets of theirs were dropped" in said, "the ledger forgot her before; alerts had not"
    assert left(gateway) == {"another's", "her team's", "everybody's"}
    with contextlib.closing(sqlite3.connect(gateway.state / "alerts.db")) as database:
        keys = [key for (key,) in database.execute("SELECT key FROM events")]
    assert not any(f'"user","{JANE}"' in key or "user_jane" in key for key in keys)
    assert gateway.cli("ledger", "forget", "--user", JANE, check=False).returncode == 1
