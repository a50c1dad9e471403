"""`gateway prompts tune`: by a gateway in a process of its own, from the command line to the draft."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.compare.tuning.parts import divide
from gateway.core.clock import SystemClock
from gateway.prompts.loading import read_library
from gateway.prompts.publishing import publish
from gateway.testing import ScriptedUpstream
from tests.compare.commands import Commands, Done
from tests.compare.scripted import answering
from tests.compare.tuning.scripted_tuning import PROMPT, RULE, answer, proposing, suite_of, suite_text
from tests.conftest import Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = ("good", "bad", "shots", "small", "twice", "leaky")
# What the model that proposes says, by the number of its answers that were refused.
PROPOSALS = [
    proposing(RULE),
    proposing('{{>plain}}{{role "system"}}Say yes.'),
    proposing("{{>plain}} {{#each @root}}{{this}}{{/each}}"),
]


def reply(body: dict[str, Any]) -> str:
    messages = body["messages"]
    if body["model"] != "reflector":
        return answer(messages, enough=2)
    refused = sum(one["role"] == "assistant" for one in messages)
    if "leaky" in messages[1]["content"]:
        parts = divide(suite_of(60).cases, 0.4)
        known = [case.vars["number"] for case in (*parts.shown, *parts.scored)]
        return proposing("{{>plain}} " + " ".join(f"q{number}=yes" for number in known))
    if "hopeless" in messages[1]["content"]:
        return PROPOSALS[refused]
    return [PROPOSALS[0], proposing(f"Answer the question. {RULE}\n{{{{>plain}}}}")][min(refused, 1)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": answering(reply)}) as upstream:
        with gateways(tmp_path_factory.mktemp("tune")) as make:
            models = {"test-model": {"targets": ["mock/m"]}, "proposer": {"targets": ["mock/reflector"]}}
            gateway = make(upstream.base_url, models=models)
            root = gateway.folder / "policies" / "prompts"
            root.mkdir(parents=True)
            (root / "_plain.prompt").write_text("Write plainly.")
            for name in NAMES:
                folder = root / name
                folder.mkdir()
                (folder / "cases.yaml").write_text(suite_text(8 if name == "small" else 60))
                words = {"bad": "a hopeless question", "leaky": "a leaky question"}.get(name, "the question")
                (folder / "draft.prompt").write_text(PROMPT.replace("the question", words))
                publish(root, name, by="author", message="", clock=SystemClock())
            await asyncio.to_thread(gateway.start)
            (gateway.folder / "team.key").write_text(gateway.key)
            yield Site(gateway, upstream, None)  # type: ignore[arg-type]


class Tune(Commands):
    """`await tuned(…)` is `gateway prompts tune …`."""

    def __init__(self, place: Site, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(place, capsys)
        self.root = place.gateway.folder / "policies" / "prompts"

    async def __call__(self, *words: str) -> Done:
        return await self.command("prompts", "tune", *self.asking, *words)


@pytest.fixture
def tuned(place: Site, capsys: pytest.CaptureFixture[str]) -> Tune:
    return Tune(place, capsys)


async def test_a_better_version_becomes_a_draft_with_its_evidence(tuned: Tune, place: Site) -> None:
    done = await tuned("good", "--method", "reflect", "--reflect-model", "proposer", "--rounds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"good@1: \d+ cases to learn from, \d+ to score by, \d+ held out; at most 1\.", done.stderr)
    assert "best so far" in done.stderr
    assert f"+Answer the question. {RULE}" in done.stdout
    assert re.search(r"good@[0-9a-f]{12} against good@1: better, gate passed", done.stdout)
    assert "refused: it lacks `{{>plain}}`" in done.stdout
    folder = tuned.root / "good"
    assert (folder / "draft.prompt").read_text() == PROMPT.replace("question.", f"question. {RULE}")
    (file,) = folder.glob("tuned-*.json")
    evidence = json.loads(file.read_bytes())
    assert evidence["proven"]
    assert str(tuned.root) not in file.read_text(), "it goes into a repository"
    assert (evidence["parent"], evidence["parent_version"], evidence["method"]) == ("good@1", 1, "reflect")
    assert (evidence["model"], evidence["reflect_model"]) == ("test-model", "proposer")
    assert evidence["held"]["judgement"]["word"] == "better"
    assert evidence["held"]["best"]["pass_rate"]["estimate"] == 1.0
    assert not set(evidence["held"]["cases"]) & {*evidence["shown"], *evidence["scored"]["cases"]}
    # The ledger has every question, at the price that the evidence says.
    asked = len(place.upstream.requests)
    assert asked == evidence["calls"] + evidence["reflections"]
    records = place.gateway.records(asked)
    assert sum(record["cost_nano"] for record in records[-asked:]) == evidence["spent_nano"]
    # It breaks nothing: what is published from it is what was tuned.
    assert (await tuned.command("prompts", "check", "--policies", str(tuned.root.parent))).returncode == 0
    publication = publish(tuned.root, "good", by="author", message="", clock=SystemClock())
    assert publication.digest == evidence["digest"]
    library = read_library(tuned.root)
    assert [str(problem) for problem in library.problems] == []


async def test_nothing_better_writes_nothing(tuned: Tune) -> None:
    before = sorted((tuned.root / "bad").iterdir())
    done = await tuned("bad", "--method", "reflect", "--reflect-model", "proposer", "--rounds", "2")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "nothing was found that is better by the cases that score" in done.stdout
    assert "refused: it adds `{{#each @root}}`, `{{this}}`, `{{/each}}`; every tag" in done.stdout
    assert sorted((tuned.root / "bad").iterdir()) == before


async def test_what_is_not_proven_is_written_only_if_told(tuned: Tune) -> None:
    """It is right wherever the search looked, and nowhere else."""
    words = ("leaky", "--method", "reflect", "--reflect-model", "proposer", "--rounds", "2")
    draft = tuned.root / "leaky" / "draft.prompt"
    done = await tuned(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(r"leaky@[0-9a-f]{12} against leaky@1: (equivalent|inconclusive), gate", done.stdout)
    assert "no draft is written" in done.stderr
    assert not draft.exists()
    done = await tuned(*words, "--anyway")
    assert done.returncode == 2, done.stdout + done.stderr
    assert draft.exists()
    (file,) = draft.parent.glob("tuned-*.json")
    evidence = json.loads(file.read_bytes())
    assert (evidence["proven"], evidence["scored"]["judgement"]["word"]) == (False, "better")
    assert evidence["held"]["judgement"]["word"] != "better"


async def test_examples_out_of_cases(tuned: Tune) -> None:
    lost = await tuned("shots", "--method", "few-shot", "--json", "/nowhere/evidence.json", "--quiet")
    assert (lost.returncode, "/nowhere/evidence.json" in lost.stderr) == (1, True)
    assert (tuned.root / "shots" / "draft.prompt").exists(), "what was found is not lost with the file"
    done = await tuned("shots", "--method", "few-shot", "--json", "-", "--quiet", "--overwrite")
    assert done.returncode == 0, done.stderr
    evidence = json.loads(done.stdout)
    assert evidence["reflections"] == 0
    draft = read_library(tuned.root).prompts["shots"].draft
    assert draft is not None
    roles = [message.role for message in draft.prompt().render({"number": "7"})]
    assert roles == ["system", *["user", "model"] * ((len(roles) - 2) // 2), "user"]
    assert len(roles) >= 6


async def test_a_draft_is_not_overwritten_unless_told(tuned: Tune, place: Site) -> None:
    draft = tuned.root / "twice" / "draft.prompt"
    draft.write_text("mine")
    words = ("twice", "--method", "few-shot", "--quiet")
    done = await tuned(*words)
    assert done.returncode == 1
    assert "draft.prompt is there already; publish it" in done.stderr
    assert place.upstream.requests == []
    assert (await tuned(*words, "--overwrite")).returncode == 0
    assert draft.read_text().startswith("---\nmodel: test-model")


async def test_too_few_cases_and_unknown_words(tuned: Tune, place: Site) -> None:
    done = await tuned("small")
    assert done.returncode == 1
    assert "8 cases are too few to tune by" in done.stderr
    for words, said in (
        (("goood",), "there is no prompt `goood`; did you mean `good`?"),
        (("good", "--from", "9", "--overwrite"), "the prompt `good` has no `9`"),
        (
            ("good", "--reflect-model", "propser"),
            "`propser` is not one that this key may use; did you mean `proposer`?",
        ),
    ):
        done = await tuned(*words)
        assert done.returncode == 1
        assert said in done.stderr
    assert place.upstream.requests == []


async def test_ctrl_c_ends_the_search_and_judges_what_it_found(tuned: Tune, place: Site, tmp_path: Path) -> None:
    """Pressed in a terminal, while the model that proposes thinks: what was tried until then is no better."""
    folder = place.gateway.folder
    command = ["prompts", "tune", "bad", "--method", "reflect", "--reflect-model", "proposer", "--rounds", "500"]
    command += ["--config", str(folder / "config.yaml"), "--key-file", str(folder / "team.key"), "--no-cache"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *command, "--run", str(tmp_path / "run")),
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    place.upstream.requests.clear()
    while not any(request.json()["model"] == "reflector" for request in place.upstream.requests):
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2, errors
    assert "the search ended: interrupted" in out.decode()
    assert f"stopped: interrupted; go on where it ended with --run {tmp_path / 'run'}" in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_ceiling_ends_it_and_the_same_folder_goes_on(tuned: Tune, place: Site, tmp_path: Path) -> None:
    """One answer costs 18 nano-dollars times a thousand: ten of input at 1, four of output at 2, per million."""
    words = ("bad", "--method", "few-shot", "--quiet", "--run", str(tmp_path / "run"), "--json", str(tmp_path / "a"))
    done = await tuned(*words, "--max-cost", "0.0005")
    assert done.returncode == 2, done.stderr
    first = json.loads((tmp_path / "a").read_bytes())
    assert first["spent_nano"] <= 500_000
    assert len(place.upstream.requests) * 18_000 == first["spent_nano"]
    assert "go on where it ended with --run" in done.stderr
    asked = len(place.upstream.requests)
    done = await tuned(*words, "--max-cost", "1")
    assert done.returncode == 0, done.stderr
    second = json.loads((tmp_path / "a").read_bytes())
    assert second["proven"]
    assert (asked + len(place.upstream.requests)) * 18_000 == second["spent_nano"]
    (tuned.root / "bad" / "draft.prompt").unlink()
