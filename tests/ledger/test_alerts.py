"""Alerts: found once, kept over a restart, and told to real receivers that fail, hang, redirect and come back."""

import asyncio
import contextlib
import json
import logging
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from ledger_parts import closed_record, ledger_at
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.config import read_config
from gateway.core.clock import uuid7
from gateway.ledger.alerts.anomalies import HOUR_S, WEEK_HOURS
from gateway.ledger.alerts.budgets import BudgetLevel, reached
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.options import AlertOptions, WebhookOptions
from gateway.ledger.alerts.outbox import Outbox, OutboxUnavailable
from gateway.ledger.alerts.sending import SCHEDULE_S, Sender, Webhook, webhooks
from gateway.ledger.alerts.signing import secret_key, signed_headers
from gateway.ledger.alerts.watch import GRACE_S, Alerts, Surroundings
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.stores.documents import DocumentError
from gateway.testing import HandClock, Hangup, ScriptedUpstream, json_answer, raw, status
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions, Timeouts

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
OTHER_SECRET = "whsec_" + b64encode(b"o" * 32).decode()
NOW = 1_790_812_800.0 + 10 * 86_400  # eleventh of October 2026
QUICK = Timeouts(connect_s=0.5, first_byte_s=0.2, idle_s=0.2, total_s=0.5)
MONTH = {"since": 1_790_812_800.0, "until": 1_793_491_200.0}


def no_budgets(now: float) -> list[BudgetLevel]:
    return []


class Heard:
    """What the metrics were told."""

    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.results: list[str] = []

    def alerted(self, kind: str) -> None:
        self.alerts.append(kind)

    def delivered(self, result: str) -> None:
        self.results.append(result)


class Bench:
    """A receiver, an outbox in a file, and what sends from one to the other; time is real and short."""

    def __init__(self, folder: Path, receiver: ScriptedUpstream, client: HttpClient) -> None:
        self.receiver = receiver
        self.outbox = Outbox(folder / "alerts.db")
        self.heard = Heard()
        self._client = client
        self.clock = HandClock(NOW)

    def hook(self, path: str = "/v1/hook", name: str = "ops", **fields: Any) -> Webhook:
        url = self.receiver.base_url.removesuffix("/v1") + path
        (made,) = webhooks([WebhookOptions(name=name, url=url, secret=SECRET, **fields)])
        return made

    def sender(self, *hooks: Webhook, schedule_s: Iterable[float] = (60.0, 600.0)) -> Sender:
        return Sender(hooks, self.outbox, self._client, self.clock, self.heard, tuple(schedule_s), QUICK)

    @contextlib.asynccontextmanager
    async def sending(self, *hooks: Webhook, **fields: Any) -> AsyncIterator[Sender]:
        sender = self.sender(*(hooks or [self.hook()]), **fields)
        task = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def states(self) -> list[tuple[str, str, int]]:
        return [(one.webhook, one.state, one.attempts) for told in self.outbox.latest(10) for one in told.deliveries]

    async def later(self, sender: Sender, seconds: float, results: int) -> None:
        """The clock goes on, the sender looks, until so many attempts were made in all."""
        self.clock.advance(seconds)
        sender.wake()
        await until(lambda: len(self.heard.results) >= results)

    def look_at(
        self, state: Path, options: AlertOptions | None = None, budgets: Any = no_budgets, hooks: Iterable[Webhook] = ()
    ) -> Alerts:
        place = LedgerPlace(state / "ledger.db")
        around = Surroundings(lambda: ledger_reader(place), budgets, lambda: "USD", self.heard)
        return Alerts(options or AlertOptions(), self.outbox, around, self._client, self.clock, self.sender(*hooks))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with ScriptedUpstream({"*": json_answer({"ok": True})}) as receiver, HttpClient(ClientOptions()) as client:
        made = Bench(tmp_path, receiver, client)
        with made.outbox:
            yield made


def event(number: int = 1, **fields: Any) -> Event:
    known = {
        "kind": "price.missing",
        "key": f"price|m{number}|1",
        "at": NOW,
        "text": "m has no price",
        "data": {"target": "m"},
    }
    return Event(**{**known, **fields})


# Signatures


def test_a_receiver_made_by_others_takes_the_signature() -> None:
    body = event().body
    now = int(time.time())
    headers = signed_headers(secret_key(SECRET), event().id, now, body)
    assert Receiver(SECRET).verify(body.decode(), headers) == json.loads(body)
    for wrong in ({**headers, "webhook-id": "msg_other"}, {**headers, "webhook-timestamp": str(now - 1)}):
        with pytest.raises(WebhookVerificationError):
            Receiver(SECRET).verify(body.decode(), wrong)
    with pytest.raises(WebhookVerificationError):
        Receiver(OTHER_SECRET).verify(body.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(body.decode() + " ", headers)


@pytest.mark.parametrize(
    "secret",
    ["plain", "whsec_", "whsec_!!!", "whsec_" + b64encode(b"short").decode(), "whsec_" + b64encode(b"x" * 65).decode()],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str, tmp_path: Path) -> None:
    config = {"alerts": {"webhooks": [{"name": "ops", "url": "https://ops.example/x", "secret": secret}]}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with pytest.raises(DocumentError, match="24 to 64 random bytes") as raised:
        read_config(tmp_path / "config.yaml", {})
    assert secret.removeprefix("whsec_") not in str(raised.value) or secret == "whsec_"


def test_secrets_are_in_no_repr() -> None:
    options = WebhookOptions(name="ops", url="https://ops.example/x", secret=SECRET)
    assert SECRET not in repr(AlertOptions(webhooks=(options,)))
    assert "kkk" not in repr(webhooks([options]))


def test_a_webhook_without_a_secret_is_told_nothing() -> None:
    assert webhooks([WebhookOptions(name="ops", url="https://ops.example/x", secret="")]) == []


# Sending


async def test_an_event_arrives_signed_and_once(bench: Bench) -> None:
    bench.clock = HandClock(time.time())
    assert bench.outbox.add(event(at=bench.clock.now()), ["ops"])
    async with bench.sending() as sender:
        await until(lambda: bench.heard.results == ["delivered"])
        await bench.later(sender, 3600, 1)
    (received,) = bench.receiver.requests
    assert (received.method, received.path, received.headers["content-type"]) == (
        "POST",
        "/v1/hook",
        "application/json",
    )
    assert Receiver(SECRET).verify(received.body.decode(), received.headers)["type"] == "price.missing"
    assert bench.states() == [("ops", "delivered", 1)]


async def test_the_same_thing_is_told_once(bench: Bench) -> None:
    assert bench.outbox.add(event(), ["ops"])
    assert not bench.outbox.add(event(data={"target": "m", "calls_today": 9}), ["ops"])
    async with bench.sending():
        await until(lambda: bench.heard.results == ["delivered"])
    assert len(bench.receiver.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [status(500), status(404), status(429), raw(Hangup(reset=True)), raw(30.0), raw(b"not http\r\n\r\n")],
    ids=["500", "404", "429", "reset", "hangs", "garbage"],
)
async def test_a_receiver_that_comes_back_is_told(bench: Bench, answer: Any) -> None:
    bench.receiver.set("/v1/hook", answer, json_answer({}))
    bench.outbox.add(event(), ["ops"])
    async with bench.sending() as sender:
        await until(lambda: bench.heard.results == ["failed"])
        assert bench.states() == [("ops", "pending", 1)]
        await bench.later(sender, 1, 1)
        assert bench.heard.results == ["failed"], "not before it is due"
        await bench.later(sender, 80, 2)
    assert bench.heard.results == ["failed", "delivered"]
    ids = {one.headers["webhook-id"] for one in bench.receiver.requests}
    stamps = [int(one.headers["webhook-timestamp"]) for one in bench.receiver.requests]
    assert ids == {event().id}, "the id stays, so a receiver can take it once"
    assert stamps[-1] - stamps[0] == 81, "the timestamp is the attempt's"


async def test_a_redirect_is_not_followed(bench: Bench) -> None:
    elsewhere = bench.receiver.base_url.removesuffix("/v1") + "/elsewhere"
    for code in (301, 302, 307, 308):
        bench.receiver.set("/v1/hook", json_answer({}, code, {"location": elsewhere}))
        bench.outbox.add(event(code), ["ops"])
    async with bench.sending():
        await until(lambda: len(bench.heard.results) == 4)
    assert {one.path for one in bench.receiver.requests} == {"/v1/hook"}
    assert "redirects are not followed" in bench.outbox.latest(1)[0].deliveries[0].said


async def test_one_that_hangs_keeps_no_other_waiting(bench: Bench) -> None:
    bench.receiver.set("/v1/slow", raw(30.0))
    slow, ops = bench.hook("/v1/slow", "slow"), bench.hook()
    for number in range(3):
        bench.outbox.add(event(number), ["slow", "ops"])
    async with bench.sending(slow, ops):
        await until(lambda: bench.heard.results.count("delivered") == 3)
        assert bench.heard.results.count("failed") <= 1


async def test_it_is_given_up_in_the_end(bench: Bench) -> None:
    bench.receiver.set("/v1/hook", status(500))
    bench.outbox.add(event(), ["ops"])
    async with bench.sending() as sender:
        await until(lambda: len(bench.heard.results) == 1)
        await bench.later(sender, 80, 2)
        await bench.later(sender, 800, 3)
        await bench.later(sender, 1e6, 3)
    assert bench.heard.results == ["failed", "failed", "given_up"]
    assert bench.states() == [("ops", "given_up", 3)]


async def test_gone_is_given_up_at_once(bench: Bench) -> None:
    bench.receiver.set("/v1/hook", status(410))
    bench.outbox.add(event(), ["ops"])
    async with bench.sending():
        await until(lambda: bench.heard.results == ["given_up"])


async def test_what_was_not_sent_is_sent_after_a_restart(bench: Bench, tmp_path: Path) -> None:
    bench.receiver.set("/v1/hook", status(503), json_answer({}))
    bench.outbox.add(event(), ["ops"])
    async with bench.sending():
        await until(lambda: bench.heard.results == ["failed"])
    bench.clock.advance(100)
    with Outbox(tmp_path / "alerts.db") as opened_anew:
        bench.outbox = opened_anew
        async with bench.sending():
            await until(lambda: bench.heard.results == ["failed", "delivered"])


async def test_a_webhook_is_told_of_what_it_asked_for(bench: Bench, tmp_path: Path) -> None:
    fill_unpriced(tmp_path)
    hooks = [bench.hook(), bench.hook("/v1/money", "money", events=("spend.anomaly",))]
    options = AlertOptions(
        webhooks=tuple(WebhookOptions(name=hook.name, url=f"http://x/{hook.name}", secret=SECRET, events=tuple(hook.events)) for hook in hooks)  # type: ignore[arg-type]
    )  # fmt: skip
    await bench.look_at(tmp_path, options).look()
    assert [name for name, _, _ in bench.states()] == ["ops"]


def test_patience_lasts_for_three_days() -> None:
    assert 2 * 86_400 < sum(SCHEDULE_S) < 4 * 86_400
    assert list(SCHEDULE_S) == sorted(SCHEDULE_S)


def test_an_outbox_that_cannot_be_written_says_so_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "there" / "alerts.db"
    (tmp_path / "there").write_text("a file where a folder should be")
    with Outbox(path) as outbox:
        with pytest.raises(OutboxUnavailable, match="cannot be used"):
            outbox.add(event(), [])
        (tmp_path / "there").unlink()
        assert outbox.add(event(), [])


def test_old_events_go_and_the_year_s_stay(tmp_path: Path) -> None:
    with Outbox(tmp_path / "alerts.db") as outbox:
        outbox.add(event(1, at=NOW - 500 * 86_400), ["ops"])
        outbox.add(event(2, at=NOW - 300 * 86_400), ["ops"])
        outbox.drop_old(NOW)
        assert [one.at for one in outbox.latest(10)] == [NOW - 300 * 86_400]


# Budgets


def level(used: int, **fields: Any) -> BudgetLevel:
    known = {
        "limit": "loans",
        "figure": "cost_per_month",
        "scope": (("team", "bank/loans"),),
        "maximum_nano": 1_000,
        **MONTH,
    }
    return BudgetLevel(**{**known, "used_nano": used, **fields})


@pytest.mark.parametrize(
    ("used", "threshold"), [(0, None), (499, None), (500, 50), (799, 50), (800, 80), (1_000, 100), (5_000, 100)]
)
def test_the_highest_threshold_that_is_reached_is_told(used: int, threshold: int | None) -> None:
    found = reached(level(used), (80, 50, 100), "USD", NOW)
    assert (None if found is None else found.data["threshold_percent"]) == threshold


def test_a_small_budget_is_told_in_all_its_places() -> None:
    told = reached(level(2_380, maximum_nano=3_000), (50,), "USD", NOW)
    assert told is not None
    assert "(0.000002380 of 0.000003000 USD, until" in told.text


async def test_each_threshold_is_told_once_a_period(bench: Bench, tmp_path: Path) -> None:
    used = [0]
    period = dict(MONTH)

    def budgets(now: float) -> list[BudgetLevel]:
        return [level(used[0], **period), level(10, limit="other", scope=())]

    alerts = bench.look_at(tmp_path, budgets=budgets)
    told: list[int] = []
    for used[0] in (100, 510, 520, 600, 850, 900, 990, 1_000, 2_000):
        told.append(await alerts.look())
    assert told == [0, 1, 0, 0, 1, 0, 0, 1, 0]
    period.update({"since": MONTH["until"], "until": MONTH["until"] + 30 * 86_400})
    used[0] = 900
    assert await alerts.look() == 1, "the next month begins anew"
    used[0] = 600
    assert await alerts.look() == 0, "and what was passed over is not told later"


async def test_people_are_told_whose_budget_and_how_much(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whose = (("team", "bank/loans\n2026-10-11 forged line"),)
    half = [level(412_300_000_000, maximum_nano=500_000_000_000, scope=whose)]
    with caplog.at_level(logging.WARNING, "gateway.alerts"):
        await bench.look_at(tmp_path, budgets=lambda now: half).look()
    (line,) = caplog.messages
    assert "80 % of cost_per_month is used" in line
    assert "412.3000 of 500.0000 USD, until 2026-11-01T00:00:00Z" in line
    assert "\n" not in line
    (told,) = bench.outbox.latest(1)
    assert told.kind == "budget.threshold_reached"


@given(st.lists(st.integers(min_value=0, max_value=3_000), min_size=1, max_size=20))
def test_a_threshold_is_never_told_twice_however_the_use_moves(uses: list[int]) -> None:
    seen: set[str] = set()
    told: list[int] = []
    for used in uses:
        found = reached(level(used), (50, 80, 100), "USD", NOW)
        if found is not None and found.key not in seen:
            seen |= {found.key, *found.supersedes}
            told.append(found.data["threshold_percent"])
    assert told == sorted(set(told))


# What the ledger tells


def fill_unpriced(state: Path, target: str = "openai/new") -> None:
    record = closed_record(1, pricing="unpriced", cost_nano=None, target=target, started_ns=int(NOW * 1e9))
    with ledger_at(state) as ledger:
        ledger.commit([record], "w.jnl", 1)


async def test_a_model_without_a_price_is_told_of_once_a_day(bench: Bench, tmp_path: Path) -> None:
    fill_unpriced(tmp_path)
    alerts = bench.look_at(tmp_path)
    assert [await alerts.look() for _ in range(3)] == [1, 0, 0]
    assert bench.heard.alerts == ["price.missing"]
    bench.clock.advance(86_400)
    assert await alerts.look() == 0, "nobody used it today"


async def test_an_hour_out_of_the_ordinary_is_told_when_it_is_over(bench: Bench, tmp_path: Path) -> None:
    hour = int(NOW) // HOUR_S
    records = []
    for week in range(9):
        for off in (-2, -1, 0, 1, 2):
            at = hour - week * WEEK_HOURS + off
            cost = 900 * 10**9 if (week, off) == (0, 0) else 10 * 10**9
            at_ns = at * HOUR_S * 10**9
            number = len(records)
            record = closed_record(number, cost_nano=cost, started_ns=at_ns)
            records.append(
                msgspec.structs.replace(
                    record, id=uuid7(at_ns, lambda size, number=number: number.to_bytes(size, "big"))
                )
            )
    with ledger_at(tmp_path) as ledger:
        ledger.commit(records, "w.jnl", 1)
    bench.clock = HandClock(hour * HOUR_S + HOUR_S + GRACE_S - 1)
    alerts = bench.look_at(tmp_path)
    assert await alerts.look() == 0, "it may not all be in the ledger yet"
    bench.clock.advance(2)
    assert await alerts.look() == 1
    (told,) = bench.outbox.latest(1)
    assert (told.kind, told.at) == ("spend.anomaly", (hour + 1) * HOUR_S)
    assert "spent 900.0000 USD" in told.text
    assert "usual are 10.0000" in told.text
    assert await alerts.look() == 0


async def test_hours_missed_in_an_outage_are_made_up_for(bench: Bench, tmp_path: Path) -> None:
    fill_unpriced(tmp_path)
    alerts = bench.look_at(tmp_path)
    await alerts.look()
    first = bench.outbox.mark("hour")
    bench.clock.advance(5 * HOUR_S)
    await alerts.look()
    assert first is not None
    assert bench.outbox.mark("hour") == first + 5


async def test_no_ledger_and_no_budgets_is_nothing_to_tell(bench: Bench, tmp_path: Path) -> None:
    assert await bench.look_at(tmp_path).look() == 0


async def test_what_fails_in_one_look_leaves_the_others(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_unpriced(tmp_path)

    def broken(now: float) -> list[BudgetLevel]:
        raise RuntimeError("limits are broken")

    assert await bench.look_at(tmp_path, budgets=broken).look() == 1
    assert "looking for alerts failed" in caplog.text
