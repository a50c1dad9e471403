"""What is to be told is kept over a restart, and told to real receivers that fail, hang, redirect and come back."""

import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from alert_bench import NOW, OTHER_SECRET, SECRET, Bench, event, fill_unpriced, until
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.config import read_config
from gateway.ledger.alerts.options import AlertOptions, WebhookOptions
from gateway.ledger.alerts.outbox import Outbox, OutboxUnavailable
from gateway.ledger.alerts.sending import SCHEDULE_S, webhooks
from gateway.ledger.alerts.signing import secret_key, signed_headers
from gateway.stores.documents import DocumentError
from gateway.testing import HandClock, Hangup, json_answer, raw, status

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
