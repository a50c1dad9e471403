"""What a run says to whoever waits for it, and into files."""

import asyncio
import io
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from gateway.cli.suite_progress import ProgressShown
from gateway.cli.suite_reports import as_json, as_junit
from gateway.cli.suite_tables import print_arms, print_differences, print_end, print_judgement
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.journal import Head, Journal
from gateway.compare.running.results import Results
from gateway.compare.running.runner import CEILING, Progress
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Arm
from gateway.testing import HandClock, ScriptedUpstream, raw
from tests.compare.scripted import Scripted, answering, arms_of, heard, plan_of, suite_of, suite_text
from tests.conftest import GatewayFactory


def results(**aims: object) -> Results:
    plan = plan_of(suite_of(30), arms_of("old", "new"), {"gates": True, "base": "old", "margin": 0.02, **aims})
    return asyncio.run(run_suite(plan, Means(ask=Scripted({"old": 0.5, "new": 1.0}))))


def test_results_are_the_same_after_a_trip_through_json() -> None:
    found = results()
    assert msgspec.json.decode(as_json([found]), type=Results) == found
    assert len(msgspec.json.decode(as_json([found, found]))) == 2


def test_the_table_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    found = results()
    print_arms(found)
    print_differences(found)
    print_judgement(found.judgements[0], found)
    print_end(found)
    said = capsys.readouterr().out
    heads = said.splitlines()[0].split("  ")
    assert "arm" in heads[0]
    assert "refused" not in said.splitlines()[0]  # a column that says nothing of any arm is left out
    assert "new against old: better, gate passed" in said
    assert "cases.yaml:" in said
    assert "60 answers for 0.00006 USD" in said


def test_an_open_verdict_says_what_it_means_for_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    found = results()
    for gate, said in (
        (
            "passed",
            "inconclusive, gate passed: whether it is better is open, and it is no worse by the margin or more\n",
        ),
        ("inconclusive", "inconclusive, gate undecided\n"),
    ):
        print_judgement(msgspec.structs.replace(found.judgements[0], word="inconclusive", gate=gate), found)
        assert f"new against old: {said}" in capsys.readouterr().out


def test_junit_of_a_test_and_of_a_comparison() -> None:
    found = results()
    tested = ET.fromstring(as_junit([found], "t"))
    assert [suite.get("name") for suite in tested] == ["suite new"]
    assert [case.get("name") for case in tested[0]][-1] == "gate"
    compared = ET.fromstring(as_junit([msgspec.structs.replace(found, judgements=())], "t"))
    assert [suite.get("name") for suite in compared] == ["suite old", "suite new"]
    assert compared[0].get("failures") == str(30 - found.summaries[0].passed)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_a_bar_is_written_over_on_a_terminal(clock: HandClock) -> None:
    out = Terminal()
    with ProgressShown(clock.monotonic, "USD", out) as shown:
        clock.advance(10)
        shown(Progress(done=5, total=20, failures=1, kept=0, spent_nano=1_500_000_000))
    assert out.getvalue() == (
        "\r\x1b[K[#######.......................]  5/20  1 without an answer  1.50 USD  about 30 s left\n"
    )


def test_a_log_gets_a_line_now_and_then(clock: HandClock) -> None:
    out = io.StringIO()
    with ProgressShown(clock.monotonic, "EUR", out) as shown:
        for done in range(1, 21):
            clock.advance(1)
            shown(Progress(done=done, total=20, failures=0, kept=done, spent_nano=0))
    assert out.getvalue().splitlines() == ["10/20  10 kept  0.00 EUR", "20/20  20 kept  0.00 EUR"]


def test_a_ceiling_holds_for_all_parts_of_a_run_together(tmp_path: Path) -> None:
    ask = Scripted({"a": 0.5, "b": 0.5})
    for part in range(1, 4):
        plan = plan_of(suite_of(20), arms_of("a", "b"), ceiling_nano=10_000)
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
            found = asyncio.run(run_suite(plan, Means(ask=ask, journal=journal)))
        assert (found.stopped, found.spent_nano, len(ask.asked)) == (CEILING, 10_000, 10), part


def test_a_prompt_that_is_another_at_the_gateway_is_said() -> None:
    async def ask(question: Question) -> Heard:
        answer = heard("yes")
        return msgspec.structs.replace(answer, prompt="p@1;digest=sha256:other;label=production")

    arm = Arm(name="p@1", kind="prompt", prompt="p", version=1, digest="sha256:mine")
    found = asyncio.run(run_suite(plan_of(suite_of(3), [arm]), Means(ask=ask)))
    assert found.notes == (
        "p@1: the gateway served another prompt than the one here 3 times: p@1;digest=sha256:other;label=production",
    )


async def test_an_interrupted_run_says_how_to_go_on_and_does(make_gateway: GatewayFactory) -> None:
    quick, answered = answering(lambda body: "yes " + body["messages"][-1]["content"][1:]), 6
    async with ScriptedUpstream({"*": [*[quick] * answered, raw(60)]}) as upstream:
        gateway = await asyncio.to_thread(make_gateway(upstream.base_url, models=MODELS).start)
        (gateway.folder / "team.key").write_text(gateway.key)
        (gateway.folder / "suite.yaml").write_text(suite_text(10))
        command = [sys.executable, "-m", "gateway.cli", "compare", "suite.yaml", "--key-file", "team.key"]
        command += ["--models", "a,b", "--run", "going", "--concurrency", "1", "--json", "-"]
        process = subprocess.Popen(
            command, cwd=gateway.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while len(upstream.requests) <= answered and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 130
        assert "interrupted; go on where it ended with --run going" in said
        assert "Traceback" not in said
        upstream.set("*", quick)
        upstream.requests.clear()
        done = await asyncio.to_thread(subprocess.run, command, cwd=gateway.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(upstream.requests) == 20 - answered
        assert [one["passed"] for one in msgspec.json.decode(done.stdout)["summaries"]] == [10, 10]


MODELS = {name: {"targets": [f"mock/{name}-1"]} for name in ("a", "b")}
