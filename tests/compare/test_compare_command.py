"""`gateway compare` against a gateway in a process of its own, in front of upstreams of known quality."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.cli import main
from gateway.testing import ScriptedUpstream, json_answer
from tests.compare.commands import Done
from tests.compare.scripted import answering, suite_text
from tests.conftest import STRAIGHT, Site, gateways

CASES = 24
ROUTES = STRAIGHT + "routes: {half: {targets: [{target: mock/bad-1}]}}\n"
MODELS = {name: {"targets": [f"mock/{name}-1"]} for name in ("good", "bad", "busy", "judge")}


def reply(body: dict[str, Any]) -> str:
    if body["model"] == "judge-1":
        return judged(body["messages"][-1]["content"])
    number = body["messages"][-1]["content"].removeprefix("q")
    wrong = body["model"] == "bad-1" and int(number) % 2
    return "no" if wrong else f"yes {number}"


def judged(asked: str) -> str:
    """Prefers what begins with `yes`, and passes it."""
    if "<first " not in asked:
        good = "\nyes" in asked
        return json.dumps({"reason": "as it is", "pass": good, "score": float(good)})
    first, second = (f"<{name} " in asked and "\nyes" in asked.split(f"<{name} ")[1].split("</")[0] for name in ORDER)
    return json.dumps({"reason": "it agrees", "winner": "tie" if first == second else "first" if first else "second"})


ORDER = ("first", "second")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": answering(reply)}) as upstream:
        with gateways(tmp_path_factory.mktemp("compare")) as make:
            gateway = await asyncio.to_thread(make(upstream.base_url, models=MODELS, policies={"routes": ROUTES}).start)
            (gateway.folder / "team.key").write_text(gateway.key)
            (gateway.folder / "suite.yaml").write_text(suite_text(CASES))
            yield Site(gateway, upstream, None)  # type: ignore[arg-type]


Compare = Callable[..., Awaitable[Done]]


@pytest.fixture
def compare(place: Site, capsys: pytest.CaptureFixture[str]) -> Compare:
    """The command in this process: half of what one of its own takes is to start."""
    folder = place.gateway.folder
    fixed = ["--config", str(folder / "config.yaml"), "--quiet"]

    async def run(*words: str, key: str = "team.key", suite: Path | None = None) -> Done:
        capsys.readouterr()
        file = str(suite or folder / "suite.yaml")
        code = await asyncio.to_thread(main, ["compare", file, *fixed, "--key-file", str(folder / key), *words])
        return Done(code, *capsys.readouterr())

    return run


@pytest.mark.asyncio(loop_scope="module")
async def test_two_models_are_told_apart_and_the_ledger_has_every_call(place: Site) -> None:
    place.upstream.requests.clear()
    words = ("suite.yaml", "--key-file", "team.key", "--models", "good,bad", "--json", "-", "--no-cache")
    done = await asyncio.to_thread(place.gateway.cli, "compare", *words, check=False)
    assert f"{2 * CASES}/{2 * CASES}  0.000864 USD" in done.stderr
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    good, bad = found["summaries"]
    assert (good["passed"], bad["passed"]) == (CASES, CASES // 2)
    (difference,) = found["differences"]
    assert difference["word"] == "worse"
    assert difference["worse"] == [f"tests[{number}]" for number in range(CASES) if number % 2]
    assert difference["test"] == "mcnemar_exact"
    # 10 tokens in, 4 out, at 1 and 2 dollars a million: 18 millionths of a dollar each, from the gateway's own header.
    assert good["cost_nano"] == CASES * 18_000
    assert len(place.upstream.requests) == 2 * CASES
    records = place.gateway.records(2 * CASES)
    ours = [record for record in records if record["client_request_id"].startswith(found["id"])]
    assert len(ours) == 2 * CASES
    assert sum(record["cost_nano"] for record in ours) == found["spent_nano"]
    assert found["graded"][0]["trial"]["target"] in ("mock/good-1", "mock/bad-1")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_table_says_it_in_words(compare: Compare) -> None:
    done = await compare("--models", "good,bad", "--limit", "12", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert "good" in done.stdout
    assert "bad against good: -50.0" in done.stdout
    assert "exact McNemar" in done.stdout
    assert "24 answers for 0.000432 USD" in done.stdout


@pytest.mark.asyncio(loop_scope="module")
async def test_streams_have_a_time_to_the_first_token_and_a_cost(compare: Compare) -> None:
    done = await compare("--models", "good,bad", "--limit", "6", "--stream", "--json", "-", "--no-cache")
    assert done.returncode == 0, done.stderr
    good, _ = json.loads(done.stdout)["summaries"]
    assert good["passed"] == 6
    assert 0 < good["ttft_s"]["p50"] <= good["latency_s"]["p50"]
    assert good["cost_nano"] == 6 * 18_000


@pytest.mark.asyncio(loop_scope="module")
async def test_a_second_run_asks_each_model_one_question(place: Site, compare: Compare) -> None:
    first = await compare("--models", "good,bad", "--limit", "8", "--param", "temperature=0", "--json", "-")
    assert first.returncode == 0, first.stderr
    place.upstream.requests.clear()
    again = await compare(
        "--models", "good,bad", "--limit", "8", "--param", "temperature=0", "--json", "-", "--concurrency", "1"
    )
    found = json.loads(again.stdout)
    assert len(place.upstream.requests) == 2
    assert [one["kept"] for one in found["summaries"]] == [7, 7]
    assert found["spent_nano"] == 2 * 18_000
    before = json.loads(first.stdout)
    assert [one["pass_rate"] for one in found["summaries"]] == [one["pass_rate"] for one in before["summaries"]]
    assert any("kept from an earlier run" in note for note in found["notes"])


@pytest.mark.asyncio(loop_scope="module")
async def test_who_is_busy_is_asked_again(place: Site, compare: Compare) -> None:
    busy = json_answer({"error": {"message": "slow down", "type": "rate_limit_error"}}, 429, {"retry-after": "0"})
    place.upstream.set("*", *(busy,) * 4, answering(reply))
    done = await compare("--models", "busy,good", "--limit", "4", "--json", "-", "--no-cache")
    place.upstream.set("*", answering(reply))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["passed"] for one in found["summaries"]] == [4, 4]
    assert sum(one["retries"] for one in found["summaries"]) == 4
    assert all(one["latency_s"]["p95"] < 5 for one in found["summaries"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_judge_is_asked_through_the_same_gateway_and_its_cost_is_told_apart(
    place: Site, compare: Compare
) -> None:
    since = time.time_ns()
    words = ("--models", "good,bad", "--limit", "8", "--judge", "judge", "--prefer", "agrees", "--no-cache")
    done = await compare(*words, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(one["arm"], one["wins"], one["losses"], one["ties"]) for one in found["ranking"]] == [
        ("good", 4, 0, 4), ("bad", 0, 4, 4),
    ]  # fmt: skip
    # Both orders of eight pairs, at the price of any answer here.
    assert found["grading_cost_nano"] == 16 * 18_000
    assert found["cost_nano"] == 16 * 18_000
    assert found["spent_nano"] == 32 * 18_000
    records = place.gateway.records(32, since_ns=since)
    assert sum(record["model"] == "judge" for record in records) == 16
    table = await compare(*words)
    assert "by preferences (Bradley-Terry)" in table.stdout
    assert "4-0-4" in table.stdout
    assert ", and 0.000288 for judges" in table.stdout


@pytest.mark.asyncio(loop_scope="module")
async def test_one_alone_is_scored(compare: Compare, tmp_path: Path) -> None:
    page, comment = tmp_path / "report.html", tmp_path / "report.md"
    words = ("--models", "good", "--limit", "8", "--html", str(page), "--markdown", str(comment))
    done = await compare(*words)
    assert done.returncode == 0, done.stderr
    assert "good" in done.stdout
    assert "100" in done.stdout
    assert page.read_text().count('<details class="case"') == 8
    assert "good" in comment.read_text()


@pytest.mark.asyncio(loop_scope="module")
async def test_reports_are_written_for_all_who_read_them(compare: Compare, tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("json", "html", "csv", "junit", "promptfoo")}
    words = [word for form, path in files.items() for word in (f"--{form}", str(path))]
    words += ["--inspect", str(tmp_path / "logs"), "--markdown", "-"]
    done = await compare("--models", "good,bad", "--limit", "12", "--no-cache", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!-- gateway compare -->\n▼ **Worse.**")
    assert "report.html" in done.stdout.splitlines()[-1].replace("&#46;", ".")
    page = files["html"].read_text()
    assert "bad is worse than good: 50.0 points fewer of the cases pass" in page
    assert page.count('<details class="case"') == 12
    assert "q11" in page
    assert files["csv"].read_text().count("\n") == 1 + 24
    assert len(json.loads(files["json"].read_text())["graded"]) == 24
    assert len(json.loads(files["promptfoo"].read_text())["results"]["results"]) == 24
    logs = [json.loads(path.read_text()) for path in sorted((tmp_path / "logs").iterdir())]
    assert [log["eval"]["model"] for log in logs] == ["bad", "good"]
    assert all(len(log["samples"]) == 12 for log in logs)


@pytest.mark.asyncio(loop_scope="module")
async def test_two_forms_are_not_printed_into_one_another(place: Site, compare: Compare) -> None:
    place.upstream.requests.clear()
    done = await compare("--models", "good,bad", "--json", "-", "--markdown", "-")
    assert done.returncode == 1
    assert "--json and --markdown cannot both be printed; give one of them a file" in done.stderr
    assert place.upstream.requests == []


@pytest.mark.asyncio(loop_scope="module")
async def test_code_in_a_suite_runs_only_where_it_is_allowed(place: Site, compare: Compare, tmp_path: Path) -> None:
    suite = tmp_path / "coded.yaml"
    suite.write_text(
        "tests:\n  - messages: [{role: user, content: q1}]\n    assert: [{type: python, value: \"output == 'yes 1'\"}]\n"
    )
    words = ("--models", "good,bad", "--no-cache", "--json", "-")
    refused = await compare(*words, suite=suite)
    assert refused.returncode == 1
    assert "coded.yaml:3: " in refused.stderr
    done = await compare(*words, "--python", suite=suite)
    assert done.returncode == 0, done.stderr
    assert [one["passed"] for one in json.loads(done.stdout)["summaries"]] == [1, 0]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_route_is_compared_with_a_model(compare: Compare) -> None:
    done = await compare("--models", "good", "--routes", "half", "--json", "-", "--no-cache")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(one["name"], one["kind"]) for one in found["arms"]] == [("good", "model"), ("half", "route")]
    assert [one["passed"] for one in found["summaries"]] == [CASES, CASES // 2]
    assert {one["trial"]["target"] for one in found["graded"] if one["trial"]["arm"] == "half"} == {"mock/bad-1"}
    assert [one["word"] for one in found["differences"]] == ["worse"]


@pytest.mark.asyncio(loop_scope="module")
async def test_answers_not_of_the_asserted_form_are_counted(compare: Compare, tmp_path: Path) -> None:
    suite = tmp_path / "forms.yaml"
    suite.write_text(
        suite_text(6).replace("type: equals, value: 'yes", "type: is-json}, {type: not-contains, value: 'no")
    )
    done = await compare("--models", "judge,good", "--json", "-", "--no-cache", suite=suite)
    assert done.returncode == 0, done.stderr
    assert [one["format_errors"] for one in json.loads(done.stdout)["summaries"]] == [0, 6]


WRONG = {
    "no such model": (("--models", "goood,bad"), "model `goood` is not one that this key may use; did you mean `good`?"),
    "no arm": ((), "name what is to be asked"),
    "twice": (("--models", "good,bad", "--routes", "good"), "`good` stands twice"),
    "nobody there": (("--models", "good,bad", "--gateway", "http://127.0.0.1:9"), "no gateway answers at http://127.0.0.1:9"),
    "no such tag": (("--models", "good,bad", "--tags", "x"), "no case has the tag `x`"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_run_says_why(name: str, compare: Compare) -> None:
    words, says = WRONG[name]
    done = await compare(*words)
    assert done.returncode == 1
    assert says in done.stderr


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_key_it_says_how_to_have_one(compare: Compare) -> None:
    done = await compare("--models", "good,bad", key="nothing.key")
    assert done.returncode == 1
    assert "there is no key to ask with in" in done.stderr
    assert "gateway keys create" in done.stderr
