"""`gateway compare live` on what a real gateway has sent to two upstreams of known quality."""

import asyncio
import contextlib
import csv
import html
import json
import random
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from gateway.testing import Received, ScriptedUpstream, Write, json_answer, status
from tests.behaviour.test_prompts import publish
from tests.behaviour.test_routes import CHAT, PRICES, body, said, two_upstreams
from tests.conftest import CARD, Gateway, GatewayFactory

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROUTES = """
routes: {fast: {strategy: weighted, targets: [{target: one/m}, {target: two/m}]MORE}}
retries: {max_attempts: 1}
ejection: {enabled: false}
"""
CALLS = 500
DAY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


class Site(NamedTuple):
    gateway: Gateway
    one: ScriptedUpstream
    two: ScriptedUpstream
    client: httpx.AsyncClient

    async def send(self, count: int, **fields: Any) -> list[httpx.Response]:
        gate = asyncio.Semaphore(16)

        async def call() -> httpx.Response:
            async with gate:
                return await self.client.post("/chat/completions", json=body(**fields))

        return list(await asyncio.gather(*(call() for _ in range(count))))

    async def live(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The command's exit code, and what it says."""
        until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        asked = ("compare", "live", "--route", "fast", "--since", "1h", "--until", until, "--json", *words)
        done = await asyncio.to_thread(self.gateway.cli, *asked, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@contextlib.asynccontextmanager
async def site_of(make: GatewayFactory, more: str = "", **config: Any) -> AsyncGenerator[Site]:
    cards = {f"models/{name}": CARD.format(name=name, target=f"{name}/m") for name in ("one", "two")}
    async with two_upstreams(make, ROUTES.replace("MORE", more), PRICES, cards, **config) as parts:
        yield Site(*parts)


async def test_the_target_that_fails_and_that_people_like_less_is_worse(make_gateway: GatewayFactory) -> None:
    async with site_of(make_gateway) as site:
        site.one.set(CHAT, json_answer(said("from one")))
        # Scripts are used in turn: three in ten fail.
        bad = [status(500) if number % 10 < 3 else json_answer(said("from two")) for number in range(CALLS)]
        site.two.set(CHAT, *bad)
        answers = await site.send(CALLS)
        die = random.Random(1)
        for answer in answers[:150]:
            if answer.status_code == 200:
                up = die.random() < (0.95 if answer.headers["x-gateway-target"] == "one/m" else 0.05)
                said_so = {"request_id": answer.headers["x-request-id"], "value": "up" if up else "down"}
                assert (await site.client.post("/feedback", json=said_so)).status_code == 201
        await asyncio.to_thread(site.gateway.records, CALLS)
        said_of = sum(answer.status_code == 200 for answer in answers[:150])
        async with asyncio.timeout(20):
            while site.gateway.ask_ledger("SELECT count(*) AS said FROM feedback")[0]["said"] < said_of:
                await asyncio.sleep(0.1)
        code, found = await site.live("--guard", "error_rate")
        (one,) = found["differences"]
        # Of two that get as much, the one that happened to get more is the base.
        assert (code, one["judged"]) == (2 if one["base"] == "one/m" else 0, True)
        assert one["word"] == ("worse" if one["base"] == "one/m" else "better")
        code, found = await site.live("--against", "one/m", "--guard", "error_rate=0.05")
        (one,) = found["differences"]
        assert (code, one["word"], one["other"]) == (2, "worse", "two/m")
        assert [guard["state"] for guard in one["guards"]] == ["broken"]
        arms = {arm["arm"]: arm for arm in found["arms"]}
        assert sum(arm["calls"] for arm in arms.values()) == CALLS
        assert arms["one/m"]["success_rate"] == 1.0
        assert abs(arms["two/m"]["success_rate"] - 0.7) < 0.02
        assert arms["one/m"]["thumbs_up"] > 0.8 > 0.2 > arms["two/m"]["thumbs_up"]
        assert arms["one/m"]["cost_per_thousand_nano"] == 18_000_000
        code, found = await site.live("--against", "one/m", "--metric", "thumbs", "--least", "5")
        assert (code, found["differences"][0]["word"], found["metric"]) == (2, "worse", "thumbs")
        shown = await asyncio.to_thread(
            site.gateway.cli, "compare", "live", "--route", "fast", "--since", "1h",
            "--until", f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "--against", "one/m",
            "--guard", "latency=0.5", check=False,
        )  # fmt: skip
        assert "`two/m` against `one/m`: worse, success -" in shown.stdout
        assert "guard latency" in shown.stdout
        await reports_say_the_same(site.gateway)


async def reports_say_the_same(gateway: Gateway) -> None:
    """The files are asked for together, with one form printed; an arm that is worse is still exit code 2."""
    page, comment, sheet, value = (gateway.folder / f"live.{end}" for end in ("html", "md", "csv", "json"))
    until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    asked = ("compare", "live", "--route", "fast", "--since", "1h", "--until", until, "--against", "one/m")
    files = ("--html", str(page), "--csv", str(sheet), "--json", str(value))
    printed = await asyncio.to_thread(gateway.cli, *asked, *files, "--markdown", "-", check=False)
    assert printed.returncode == 2
    (one,) = json.loads(value.read_bytes())["differences"]
    size = f"{abs(one['interval']['estimate']) * 100:.1f} points"
    told = f"two/m is worse than one/m: its success is {size} lower (−{size}, "
    assert told in re.sub(r"<[^>]*>", "", page.read_text())
    assert printed.stdout.startswith("<!-- gateway compare live -->\n### Route `fast`, calls from ")
    assert told in html.unescape(printed.stdout)
    assert f"With pictures it is in {page}." in html.unescape(re.sub(r"</?code>", "", printed.stdout))
    lines = {line["arm"]: line for line in csv.DictReader(sheet.read_text().splitlines())}
    assert {arm: line["word"] for arm, line in lines.items()} == {"one/m": "", "two/m": "worse"}
    assert sum(int(line["calls"]) for line in lines.values()) == CALLS
    # A file beside the tables; what cannot be written is no success.
    shown = await asyncio.to_thread(gateway.cli, *asked, "--markdown", str(comment), check=False)
    assert (shown.returncode, "`two/m` against `one/m`: worse" in shown.stdout) == (2, True)
    assert told in html.unescape(comment.read_text())
    away = await asyncio.to_thread(gateway.cli, *asked, "--html", str(page / "no"), check=False)
    assert away.returncode == 1
    assert f"error: {page / 'no'}: " in away.stderr


async def test_a_bad_arm_is_taken_out_in_every_worker_and_stays_out_after_a_restart(
    make_gateway: GatewayFactory,
) -> None:
    stop = "guards: {error_rate: 0.05}, look_s: 0.2, settle_s: 0"
    more = f', experiment: {{since: "{DAY}", base: one/m, {stop}}}'
    config = {"server": {"workers": 2, "limits_per_worker": True}, "alerts": {"interval_s": 0.1}}
    async with site_of(make_gateway, more, **config) as site:
        gateway = site.gateway
        site.one.set(CHAT, json_answer(said("from one")))
        bad = [status(500) if number % 10 < 4 else json_answer(said("from two")) for number in range(5_000)]
        site.two.set(CHAT, *bad)
        stopped = gateway.state / "canaries"
        sent = 0
        async with asyncio.timeout(40):
            while not list(stopped.glob("*.json")):
                sent += len(await site.send(40))
                await asyncio.sleep(0.1)
        assert sent < 2_000
        async with asyncio.timeout(20):
            while True:
                before = len(site.two.requests)
                await site.send(60)
                if len(site.two.requests) == before:
                    break
        async with asyncio.timeout(10):  # a worker that got none of those calls hears of it a moment later
            while True:
                (shown,) = (await admin(gateway, "/status"))["experiments"]
                if [arm["share"] for arm in shown["arms"]] == [1.0, 0.0]:
                    break
                await asyncio.sleep(0.1)
        assert shown["route"] == "fast"
        # Which of the two is sure first depends on how many calls there were when somebody looked.
        assert re.search(
            r"guard error_rate broken|`two/m` against `one/m`: worse, success -", shown["arms"][1]["reason"]
        )
        assert shown["last_look"]["problem"] == ""
        records = await asyncio.to_thread(gateway.records, sent)
        assert {row["variant"] for row in records[:20]} == {"one/m", "two/m"}
        assert await gateway.metrics("gateway_experiment_arms_stopped_total") == 1
        async with asyncio.timeout(10):
            while "experiment.arm_stopped: the arm two/m of the route fast" not in gateway.log():
                await asyncio.sleep(0.05)
        code, found = await site.live()
        assert code == 2
        assert [(arm["arm"], arm["share"], bool(arm["stopped"])) for arm in found["arms"]] == [
            ("one/m", 1.0, False), ("two/m", 0.0, True)
        ]  # fmt: skip
        await asyncio.to_thread(gateway.stop)
        await asyncio.to_thread(gateway.start)
        before = len(site.two.requests)
        await site.send(80)
        assert len(site.two.requests) == before
        listed = await asyncio.to_thread(gateway.cli, "experiments", "list")
        assert ["two/m", "0", "stopped"] in [line.split()[1:4] for line in listed.stdout.splitlines()]
        site.two.set(CHAT, json_answer(said("from two")))
        await asyncio.to_thread(gateway.cli, "experiments", "resume", "fast", "two/m")
        async with asyncio.timeout(10):
            while len(site.two.requests) == before:
                await site.send(20)
        await site.send(100)
        assert not list(stopped.glob("*.json"))
        (line,) = [one for one in (await admin(gateway, "/audit"))["data"] if one["action"] == "experiment.resume"]
        assert line["object"] == "fast two/m"


async def test_shares_follow_how_calls_go_and_every_worker_keeps_to_them(make_gateway: GatewayFactory) -> None:
    more = (
        f", experiment: {{since: {DAY}, look_s: 0.2, settle_s: 0, stop: {{on_worse: tell}}, adaptive: {{update_s: 1}}}}"
    )
    config = {"server": {"workers": 2, "limits_per_worker": True}}
    async with site_of(make_gateway, more, **config) as site:
        site.one.set(CHAT, json_answer(said("from one")))
        site.two.set(CHAT, *(status(500) if n % 10 < 4 else json_answer(said("from two")) for n in range(9_000)))
        path = site.gateway.state / "canaries"
        async with asyncio.timeout(60):
            while not (files := list(path.glob("shares-*"))) or len(json.loads(files[0].read_bytes())) < 3:
                await site.send(20)
                await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while (await shares_of(site.gateway))["two/m"] > 0.15:
                await site.send(20)
                await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)  # the change is over
        before, since = len(site.two.requests), len(site.one.requests)
        await site.send(300)
        ours, theirs = len(site.two.requests) - before, len(site.one.requests) - since
        assert ours / (ours + theirs) < 0.25
        _, found = await site.live()
        (one,) = found["differences"]
        assert (one["base"], one["judged"], one["word"]) == ("one/m", True, "worse")
        assert abs(one["interval"]["estimate"] + 0.4) < 0.2
        assert found["best"]["one/m"] > 0.99


async def shares_of(gateway: Gateway) -> dict[str, float]:
    (shown,) = (await admin(gateway, "/status"))["experiments"]
    return {arm["target"]: arm["share"] for arm in shown["arms"]}


async def test_a_bad_version_is_taken_off_its_label_in_every_worker(make_gateway: GatewayFactory) -> None:
    async def script(received: Received, write: Write) -> None:
        fails = "the second" in json.dumps(received.json()["messages"])
        await (status(500) if fails else json_answer(said("fine")))(received, write)

    config = {"server": {"workers": 2, "limits_per_worker": True}, "alerts": {"interval_s": 0.1}}
    async with site_of(make_gateway, **config) as site:
        gateway = site.gateway
        meta = (
            f"experiments: {{production: {{since: {DAY}, look_s: 0.2, settle_s: 0, guards: {{error_rate: 0.05}}}}}}\n"
        )
        text = '---\nmodel: fast\n---\n{{role "system"}}Say this is the NTH.{{role "user"}}{{text}}'
        publish(gateway, "p", text.replace("NTH", "first"), text.replace("NTH", "second"), meta=meta)
        site.one.set(CHAT, script)
        site.two.set(CHAT, script)
        await asyncio.to_thread(gateway.cli, "prompts", "label", "p", "production", "1:1,2:1")

        async def ask(count: int) -> list[int]:
            prompt = {"prompt": {"id": "p", "variables": {"text": "hello"}}}
            answers = await asyncio.gather(*(site.client.post("/chat/completions", json=prompt) for _ in range(count)))
            return [answer.status_code for answer in answers]

        async with asyncio.timeout(20):
            while 500 not in await ask(10):  # until every worker knows the prompt and its label
                await asyncio.sleep(0.1)
        async with asyncio.timeout(60):
            while set(await ask(40)) != {200}:
                pass
        moves = await asyncio.to_thread(gateway.cli, "prompts", "history", "p")
        assert "gateway:experiment" in moves.stdout
        async with asyncio.timeout(10):  # it is said once it is done
            while "the version 2 is taken off p@production" not in gateway.log():
                await asyncio.sleep(0.05)
        (shown,) = (await admin(gateway, "/status"))["experiments"]
        assert (shown["route"], shown["last_look"]["problem"]) == ("p@production", "")
        until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        words = ("compare", "live", "--prompt", "p", "--until", until, "--json")
        done = await asyncio.to_thread(gateway.cli, *words, check=False)
        (one,) = json.loads(done.stdout)["differences"]
        # The base is the one that more calls went to, and which that was the die said.
        assert (one["base"], one["other"], one["word"]) in (("1", "2", "worse"), ("2", "1", "better"))
        assert [guard["metric"] for guard in one["guards"]] == ["error_rate"]
        async with asyncio.timeout(10):
            while "experiment.arm_stopped: p@production stands on 1 and no longer on 1:1 2:1" not in gateway.log():
                await asyncio.sleep(0.05)


async def admin(gateway: Gateway, path: str) -> Any:
    async with httpx.AsyncClient(headers=gateway.operator, timeout=20) as client:
        return (await client.get(f"{gateway.url}/admin{path}")).json()


async def test_what_cannot_be_asked_is_said(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway(policies={"routes": "routes: {}"})
    for words, why in (
        (("--route", "fast", "--metric", "succes"), "there is no metric `succes`; did you mean `success`?"),
        (("--route", "fast", "--json", "--markdown", "-"), "--json and --markdown cannot both be printed"),
        (("--route", "fast", "--guard", "cost=12"), "`cost` may be worse by 0 or more, and by less than 10"),
    ):
        done = await asyncio.to_thread(gateway.cli, "compare", "live", *words, check=False)
        assert done.returncode == 1
        assert why in done.stderr
    for words, why in (
        (("--route", "fast"), "routes.yaml has no route `fast`"),
        (("--prompt", "demo/sumary"), "there is no prompt `demo/sumary`"),
    ):
        done = await asyncio.to_thread(gateway.cli, "compare", "live", *words)
        assert "no calls in this period" in done.stdout
        assert why in done.stderr


async def test_check_warns_of_an_experiment_whose_metric_there_is_not(make_gateway: GatewayFactory) -> None:
    routes = ROUTES.replace("MORE", ", experiment: {since: 2026-01-01, metric: starz}")
    kind = {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9", "api_key": "k"}
    gateway = make_gateway(
        providers={"one": kind, "two": kind}, models={}, policies={"routes": routes},
        feedback={"metrics": {"stars": {"kind": "score", "min": 1, "max": 5}}},
    )  # fmt: skip
    done = await asyncio.to_thread(gateway.cli, "check")
    assert "routes.yaml:2: warning: the experiment of `fast` decides nothing" in done.stdout
    assert "there is no metric `starz`; did you mean `stars`?" in done.stdout
