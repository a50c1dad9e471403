"""`gateway prompts test`: a new version against the one in use, by a gateway in a process of its own."""

import asyncio
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.cli import main
from gateway.core.clock import SystemClock
from gateway.prompts.labels.sqlite import SqliteDatabase
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.publishing import publish
from gateway.testing import ScriptedUpstream
from tests.compare.commands import Commands, Done
from tests.compare.scripted import answering
from tests.conftest import Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = """---
model: test-model
config: {{temperature: 0}}
input:
  schema: {{number: string}}
---
{{{{role "system"}}}}Answer {skill}.
{{{{role "user"}}}}
q{{{{number}}}}
"""
CASES = 24


def cases(extra: str = "", each: Callable[[int], str] = lambda _: "") -> str:
    tests = "".join(
        f"  - {{description: question {number}, vars: {{number: '{number}'}}, "
        f"assert: [{{type: equals, value: 'yes {number}'}}]{each(number)}}}\n"
        for number in range(CASES)
    )
    return f"{extra}tests:\n{tests}"


def reply(body: dict[str, Any]) -> str:
    """As well as the prompt says: `well` always, `badly` every other time, `cheaply` as well in more words."""
    skill = body["messages"][0]["content"].split()[1].rstrip(".")
    number = body["messages"][-1]["content"].strip().removeprefix("q")
    return "no" if skill == "badly" and int(number) % 2 else f"yes {number}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": answering(reply)}) as upstream:
        with gateways(tmp_path_factory.mktemp("prompts")) as make:
            models = {"test-model": {"targets": ["mock/real-model"]}, "second": {"targets": ["mock/other-model"]}}
            gateway = make(upstream.base_url, models=models)
            root = gateway.folder / "policies" / "prompts"
            for name, skills in (
                ("steady", ("well", "well")),
                ("better", ("badly", "well")),
                ("worse", ("well", "badly")),
            ):
                folder = root / "support" / name
                folder.mkdir(parents=True)
                meta = "labels: {production: 1}\ngates: {production: {suite: cases.yaml, margin: 0.15}}\n"
                (folder / "cases.yaml").write_text(cases())
                for skill in skills:
                    # What a version says differs, even where it is as good.
                    text = PROMPT.format(skill=skill) + f"\n{{{{! {len(list(folder.iterdir()))} }}}}"
                    (folder / "draft.prompt").write_text(text)
                    publish(root, f"support/{name}", by="author", message="", clock=SystemClock())
                (folder / "prompt.yaml").write_text(meta)
            draft = root / "support" / "draft"
            draft.mkdir()
            (draft / "cases.yaml").write_text(cases())
            (draft / "draft.prompt").write_text(PROMPT.format(skill="well"))
            await asyncio.to_thread(gateway.start)
            (gateway.folder / "team.key").write_text(gateway.key)
            yield Site(gateway, upstream, None)  # type: ignore[arg-type]


class Test(Commands):
    """`await test(…)` is `gateway prompts test …`; `await test.command(…)` any other verb."""

    __test__ = False

    async def __call__(self, *words: str) -> Done:
        return await self.command("prompts", "test", *self.asking, "--quiet", *words)

    async def compare(self, *words: str) -> Done:
        return await self.command("compare", *self.asking, "--quiet", *words)


@pytest.fixture
def tested(place: Site, capsys: pytest.CaptureFixture[str]) -> Test:
    return Test(place, capsys)


async def test_a_version_that_is_as_good_passes(tested: Test, place: Site) -> None:
    done = await tested("support/steady", "--margin", "0.15", "--json", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    (judgement,) = done.json["judgements"]
    assert (judgement["word"], judgement["gate"]) == ("equivalent", "passed")
    assert [one["name"] for one in done.json["arms"]] == ["support/steady@1", "support/steady@2"]
    # The gateway put the prompt's text together, and said which version it was.
    assert len(place.upstream.requests) == 2 * CASES
    assert all(one["trial"]["prompt"].startswith("support/steady@") for one in done.json["graded"])
    records = place.gateway.records(2 * CASES)
    assert {record["prompt_id"] for record in records} >= {"support/steady@1", "support/steady@2"}


async def test_one_that_is_better_passes_and_one_that_is_worse_fails(tested: Test) -> None:
    better = await tested("support/better@2")
    assert better.returncode == 0, better.stdout + better.stderr
    assert "support/better@2 against support/better@1: better, gate passed" in better.stdout
    worse = await tested("support/worse")
    assert worse.returncode == 1
    assert "support/worse@2 against support/worse@1: worse, gate failed" in worse.stdout
    assert "-50.0 (" in worse.stdout
    assert "cases.yaml:3: tests[1] question 1" in worse.stdout
    assert "FAILED" in worse.stdout


async def test_what_the_cases_do_not_say_exits_with_2(tested: Test) -> None:
    done = await tested("support/steady", "--margin", "0.01", "--limit", "10")
    assert done.returncode == 2
    assert "more cases would decide the gate" in done.stdout
    assert "  only 10 of 24 cases were asked (--limit 10): of the others it says nothing\n" in done.stdout


async def test_a_prompt_may_be_named_by_an_option_and_its_cases_be_promptfoos(tested: Test, tmp_path: Path) -> None:
    suite = tmp_path / "promptfooconfig.yaml"
    suite.write_text(PROMPTFOO)
    done = await tested("--prompt", "support/worse@2", "--suite", f"promptfoo:{suite}", "--json", "-")
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert [one["name"] for one in done.json["arms"]] == ["support/worse@1", "support/worse@2"]
    assert [one["passed"] for one in done.json["summaries"]] == [2, 1]
    assert f"left out: {suite}:2: providers: what is asked is said when the cases are run" in done.stderr
    assert f"left out: {suite}:9: tests[2]: none of its assertions can be taken over" in done.stderr
    compared = await tested.compare(f"promptfoo:{suite}", "--prompts", "support/worse@1,support/worse@2", "--json", "-")
    assert compared.returncode == 0, compared.stderr
    assert [one["passed"] for one in compared.json["summaries"]] == [2, 1]


PROMPTFOO = """prompts: ['q{{number}}']
providers: [openai:gpt-5]
tests:
  - vars: {number: '1'}
    assert: [{type: equals, value: yes 1}]
  - vars: {number: '2'}
    assert: [{type: icontains, value: YES}]
  # Code is not run.
  - vars: {number: '3'}
    assert: [{type: javascript, value: output.length < 10}]
"""


async def test_a_draft_is_tested_before_it_is_published(tested: Test, place: Site) -> None:
    done = await tested("support/draft")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "support/draft@draft: gate passed" in done.stdout
    assert "there is no version to compare with" in done.stdout
    assert "stands on no other version" in done.stderr
    assert "--against X" in done.stderr
    sent = place.upstream.requests[0].json()
    assert (sent["model"], sent["temperature"]) == ("real-model", 0)
    assert sent["messages"][0] == {"role": "system", "content": "Answer well.\n"}


async def test_local_and_served_ask_the_same(tested: Test, place: Site) -> None:
    asked: list[list[bytes]] = []
    for words in ((), ("--local",)):
        done = await tested("support/steady@2", "--limit", "3", "--against", "none", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        asked.append(sorted(request.body for request in place.upstream.requests))
    assert [json.loads(one) for one in asked[0]] == [json.loads(one) for one in asked[1]]


async def test_a_gates_run_is_noted_and_lets_the_label_move(tested: Test, place: Site) -> None:
    moves = ["prompts", "label", "support/better", "production", "2", "--config", str(place.gateway.config_file)]
    assert await asyncio.to_thread(main, moves) == 1
    done = await tested("support/better", "--gate", "production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "noted as gate_" in done.stderr
    with LabelStore(SqliteDatabase(place.gateway.state / "prompts.db"), SystemClock()) as store:
        (digest, against) = digests(place, "support/better")
        run = store.last_gate_run("support/better", digest, against)
    assert run is not None
    assert (run.verdict, run.passed, run.suite_digest[:7]) == ("better", True, "sha256:")
    suite = place.gateway.folder / "policies" / "prompts" / "support" / "better" / "cases.yaml"
    tests = suite.read_text()
    suite.write_text(tests.replace("yes 3", "yes"))
    assert await asyncio.to_thread(main, moves) == 1, "the tests have changed since"
    for looser in (
        "metric: score\n",
        "limits: {cost: 0.5}\n",
        "judges: {j: {model: m, calibrated: {kappa: 1, labels: 99}}}\n",
    ):
        suite.write_text(looser + tests)
        assert await asyncio.to_thread(main, moves) == 1, "it is another gate now"
    suite.write_text(tests)
    meta = suite.with_name("prompt.yaml")
    gates = meta.read_text()
    meta.write_text(gates.replace("margin: 0.15", "margin: 0.01"))
    assert await asyncio.to_thread(main, moves) == 1, "a run by a wide margin opens no narrow gate"
    meta.write_text(gates)
    assert await asyncio.to_thread(main, moves) == 0
    failed = await tested("support/worse", "--gate", "production")
    assert failed.returncode == 1
    assert "worse" in failed.stderr
    other = ["prompts", "label", "support/worse", "production", "2", "--config", str(place.gateway.config_file)]
    assert await asyncio.to_thread(main, other) == 1


async def test_a_run_of_a_few_cases_says_so_and_opens_no_gate(tested: Test, place: Site, tmp_path: Path) -> None:
    only = "only 6 of 24 cases were asked (--limit 6): of the others it says nothing"
    words = ("support/steady", "--run", str(tmp_path / "run"))
    few = await tested(*words, "--margin", "0.9", "--limit", "6", "--markdown", "-")
    assert few.returncode == 0, few.stderr
    assert "gate passed" in few.stdout
    assert "noted as" not in few.stderr
    assert only.partition(" (")[0] in few.stdout
    move = ["prompts", "label", "support/steady", "production", "2", "--config", str(place.gateway.config_file)]
    assert await asyncio.to_thread(main, move) == 1
    # What the few were answered counts for the gate, and the others are asked.
    place.upstream.requests.clear()
    gate = await tested(*words, "--gate", "production", "--json", "-")
    assert gate.returncode == 0, gate.stderr
    assert len(place.upstream.requests) == 2 * (CASES - 6)
    assert [one["cases"] for one in gate.json["summaries"]] == [CASES, CASES]
    assert "noted as gate_" in gate.stderr
    assert "only" not in " ".join(gate.json["judgements"][0]["reasons"])


async def test_a_comparison_of_a_few_cases_notes_it(tested: Test, place: Site) -> None:
    suite = place.gateway.folder / "policies" / "prompts" / "support" / "better" / "cases.yaml"
    done = await tested.compare(str(suite), "--prompts", "support/better@1,support/better@2", "--filter", "question 1")
    assert "note: only 11 of 24 cases were asked (--filter question 1): of the others it says nothing" in done.stdout


def digests(place: Site, name: str) -> tuple[str, str]:
    from gateway.prompts.loading import read_library

    lock = read_library(place.gateway.folder / "policies" / "prompts").prompts[name].lock
    return lock[2].digest, lock[1].digest


async def test_without_names_whatever_is_new_is_tested(tested: Test, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    done = await tested("--json", "-", "--margin", "0.15", "--junit", str(junit))
    assert done.returncode == 1  # one of them is worse
    runs = done.json
    assert [one["suite"] for one in runs] == ["support/draft", "support/steady", "support/worse"]
    root = ET.parse(junit).getroot()
    gates = {suite.get("name"): suite.findall("testcase")[-1] for suite in root}
    assert {name: case.find("failure") is None for name, case in gates.items()} == {
        "support/draft support/draft@draft": True,
        "support/steady support/steady@2": True,
        "support/worse support/worse@2": False,
    }
    assert root.get("failures") == str(CASES // 2 + 1)


async def test_versions_are_compared_with_each_of_several_models(tested: Test, place: Site) -> None:
    suite = place.gateway.folder / "policies" / "prompts" / "support" / "better" / "cases.yaml"
    words = ("--prompts", "support/better@1,support/better@2", "--models", "test-model,second", "--local")
    done = await tested.compare(str(suite), *words, "--limit", "6", "--json", "-")
    assert done.returncode == 0, done.stderr
    names = ["support/better@1 on test-model", "support/better@1 on second"]
    names += [name.replace("@1", "@2") for name in names]
    assert [one["arm"] for one in done.json["summaries"]] == names
    assert [one["passed"] for one in done.json["summaries"]] == [3, 3, 6, 6]
    assert len(done.json["differences"]) == 6
    assert {request.json()["model"] for request in place.upstream.requests} == {"real-model", "other-model"}


async def test_a_gateway_that_serves_another_text_under_the_same_version_passes_no_gate(
    tested: Test, place: Site, tmp_path: Path
) -> None:
    """A checkout beside a gateway that has others' files: what was asked is not what would be let through."""
    here = tmp_path / "checkout"
    shutil.copytree(place.gateway.folder / "policies", here / "policies")
    shutil.copy(place.gateway.folder / "config.yaml", here / "config.yaml")
    root = here / "policies" / "prompts"
    folder = root / "support" / "better"
    for path in folder.iterdir():
        if path.name not in ("cases.yaml", "prompt.yaml"):
            path.unlink()
    for number in range(2):
        (folder / "draft.prompt").write_text(PROMPT.format(skill="badly") + f"\n{{{{! {number} elsewhere }}}}")
        publish(root, "support/better", by="author", message="", clock=SystemClock())
    done = await tested(
        "support/better", "--gate", "production", "--config", str(here / "config.yaml"),
        "--gateway", place.gateway.base_url,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "noted as gate_" not in done.stderr
    assert "support/better: not noted for the gate, because support/better@" in done.stderr
    assert "the gateway served another prompt than the one here" in done.stderr


WRONG = {
    "no prompt": (("support/stedy",), "did you mean `support/steady` or"),
    "no version": (("support/steady@7",), "has no `7`"),
    "no label": (("support/steady", "--against", "canary"), "it has no such label"),
    "no gate": (("support/steady", "--gate", "canary"), "the label `canary` of support/steady has no gate"),
    "gate with less": (
        ("support/steady", "--gate", "production", "--limit", "3"),
        "--limit and --gate do not go together",
    ),
    "gate with less confidence": (
        ("support/steady", "--gate", "production", "--level", "0.5"),
        "--level and --gate do not go together below 0.95",
    ),
    "no suite": (("support/steady", "--suite", "nothing.yaml"), "nothing.yaml: cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_tested_says_why(name: str, tested: Test) -> None:
    words, says = WRONG[name]
    done = await tested(*words)
    assert done.returncode == 1
    assert says in done.stderr


async def test_a_case_that_the_prompt_cannot_take_is_named_before_anything_is_asked(
    tested: Test, place: Site, tmp_path: Path
) -> None:
    suite = tmp_path / "cases.yaml"
    suite.write_text("tests:\n  - {vars: {number: '1'}}\n  - {vars: {nummer: '1'}}\n")
    done = await tested("support/draft", "--suite", str(suite))
    assert done.returncode == 1
    assert f"{suite}:3: tests[1] cannot be asked of support/draft@draft: prompt.variables" in done.stderr
    assert place.upstream.requests == []


async def test_what_is_refused_throughout_is_not_asked_to_the_end(tested: Test, place: Site, tmp_path: Path) -> None:
    """The key is another team's, which no rule allows this model."""
    other = tmp_path / "other.key"
    other.write_text(await asyncio.to_thread(place.gateway.create_key, "team-b"))
    done = await tested("support/steady", "--key-file", str(other), "--concurrency", "1", "--json", "-")
    assert done.returncode == 1
    assert "stopped: support/steady@" in done.stderr
    assert "is refused: " in done.stderr
    assert len(done.json["graded"]) <= 6
    assert place.upstream.requests == []
