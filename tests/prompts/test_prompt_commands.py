"""`gateway prompts`: from a draft to a label and back, as people and programs do it."""

import json
from pathlib import Path
from typing import Any

import pytest
from shelves import BODY, Shelf

from gateway.cli import main
from gateway.compare.cases import read_suite
from gateway.compare.cases.gates import digest_of_gate
from gateway.core.clock import SystemClock
from gateway.identity.keystore import KeyStore
from gateway.prompts.document import Gate
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.options import LabelPlace
from tests.conftest import ROOT

TRIAGE = """---
model: m
input:
  schema:
    message: string
    count?: integer
  default: {count: 1}
---
{{role "system"}}
Route {{count}}.
{{role "user"}}
{{message}}
"""


class Checkout:
    """A gateway's folder, in which somebody works."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.shelf = Shelf(folder / "policies" / "prompts")
        (folder / "config.yaml").write_text("{}\n")
        self._capsys = capsys

    def run(self, *words: str, code: int = 0) -> str:
        """What it prints; on standard error, if it fails."""
        self._capsys.readouterr()
        assert main(["prompts", *words, "--config", str(self.folder / "config.yaml")]) == code
        out, error = self._capsys.readouterr()
        assert bool(error) == (code == 1 and words[0] != "check"), error
        return error or out

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    @property
    def place(self) -> LabelPlace:
        return LabelPlace(self.folder / ".gateway" / "prompts.db", self.folder / ".gateway" / "prompts.snapshot")

    def audit(self) -> list[tuple[str, str, dict[str, Any]]]:
        with KeyStore(self.folder / ".gateway" / "identity.db", SystemClock()) as store:
            return [(line.action, line.object, line.details) for line in store.audit()]


@pytest.fixture
def checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checkout:
    return Checkout(tmp_path, capsys)


def test_a_new_label_that_reads_like_another_is_told(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.shelf.write("a/draft.prompt", TRIAGE)
    checkout.run("publish", "a")
    checkout.run("label", "a", "production", "1")  # the first label is like no other
    for label, told in (("prodction", True), ("prodction", False), ("canary", False)):
        words = ["prompts", "label", "a", label, "1" if told or label == "canary" else "none"]
        assert main([*words, "--config", str(checkout.folder / "config.yaml")]) == 0
        assert ("beside `production`" in capsys.readouterr().err) is told


def test_a_prompt_from_its_draft_to_a_label_and_back(checkout: Checkout) -> None:
    assert "there are no prompts in" in checkout.run("list")
    checkout.shelf.write("cx/triage/draft.prompt", TRIAGE)
    assert "cx/triage has version 1" in checkout.run("publish", "cx/triage", "--message", "the first", "--by", "ann")
    assert (
        checkout.run("label", "cx/triage", "production", "1").strip()
        == "cx/triage@production: nowhere -> 1, in the database"
    )
    checkout.shelf.write("cx/triage/draft.prompt", TRIAGE.replace("Route", "Please route"))
    made = checkout.json("publish", "cx/triage")
    assert (made["name"], made["version"], len(made["digest"])) == ("cx/triage", 2, 71)
    moved = checkout.json("label", "cx/triage", "production", "1:90,2:10", "--reason", "slowly")
    assert (moved["from"], moved["to"]) == ("1", "1:90 2:10")
    assert "1:90 2:10 -> 1" in checkout.run("rollback", "cx/triage", "production", "--reason", "too fast")
    history = checkout.json("history", "cx/triage")
    assert [(one["from"], one["to"], one["how"], one["reason"]) for one in reversed(history)] == [
        ("", "1", "", ""), ("1", "1:90 2:10", "", "slowly"), ("1:90 2:10", "1", "rollback", "too fast"),
    ]  # fmt: skip
    assert [line[:2] for line in checkout.audit()] == [
        ("prompt.publish", "cx/triage@1"), ("prompt.label", "cx/triage@production"), ("prompt.publish", "cx/triage@2"),
        ("prompt.label", "cx/triage@production"), ("prompt.rollback", "cx/triage@production"),
    ]  # fmt: skip
    (listed,) = checkout.json("list")
    assert listed["labels"] == {"production": {"versions": {"1": 1}, "in": "database", "gate": False}}
    first = listed["versions"][0]
    assert (first["version"], first["by"], first["message"]) == (1, "ann", "the first")
    assert "cx/triage" in checkout.run("list")
    assert "every prompt is right" in checkout.run("check")


def test_a_label_in_the_file_is_moved_in_the_file(checkout: Checkout) -> None:
    checkout.shelf.publish("a", "one", "two")
    checkout.shelf.meta("a", "# mine\nlabels:\n  production: 1\n")
    assert checkout.run("label", "a", "production", "2", "--reason", "r").endswith("prompt.yaml\n")
    text = (checkout.shelf.root / "a/prompt.yaml").read_text()
    assert text.startswith("# mine\nlabels:\n  production: 2\nhistory:\n  - {label: production, from: 1, to: 2, at: ")
    assert not checkout.place.file.exists()
    assert checkout.audit()[-1][:2] == ("prompt.label", "a@production")
    checkout.run("rollback", "a", "production")
    (last, first) = checkout.json("history", "a", "production")
    assert (first["how"], last["how"], last["kept_in"]) == ("", "rollback", "prompt.yaml")
    assert "take it out there" in checkout.run("label", "a", "production", "none", code=1)


def test_a_gate_holds_on_the_command_line(checkout: Checkout) -> None:
    checkout.shelf.publish("a", "one", "two")
    checkout.shelf.write("a/cases.yaml", "tests: [{vars: {message: x}, assert: [{type: contains, value: y}]}]\n")
    checkout.shelf.meta(
        "a", "gates: {production: {suite: cases.yaml}, pinned: {suite: cases.yaml}}\nlabels: {pinned: 1}\n"
    )
    for label, other in (("production", "nothing"), ("pinned", "version 1")):
        said = checkout.run("label", "a", label, "2", code=1)
        assert f"needs a passing run of cases.yaml against {other}" in said
        assert f"gateway prompts test a@2 --gate {label}" in said
        assert "needs a reason" in checkout.run("label", "a", label, "2", "--force", code=1)
        checkout.run("label", "a", label, "2", "--force", "--reason", "incident")
        assert checkout.audit()[-1][2]["forced"] is True
    assert [one["how"] for one in checkout.json("history", "a")] == ["forced", "forced"]
    digests = [one["digest"] for one in checkout.json("show", "a")["versions"]]
    tests = digest_of_gate(read_suite(checkout.shelf.root / "a" / "cases.yaml"), Gate("cases.yaml"))
    with open_labels(checkout.place) as store:
        run = store.record_gate_run(
            prompt="a", digest=digests[0], against_digest=digests[1], suite_digest=tests, verdict="better", actor="ci"
        )
    assert checkout.json("label", "a", "pinned", "1")["gate_run"] == run.id
    assert f'gate_run: "{run.id}"' in (checkout.shelf.root / "a/prompt.yaml").read_text()


def test_a_prompt_is_shown(checkout: Checkout) -> None:
    checkout.shelf.publish("a", "one", "two")
    checkout.shelf.draft("a", "three")
    checkout.shelf.meta("a", 'owner: me\ndescription: for "x"\ntags: [t]\naliases: [pmpt_1]\nlabels: {production: 1}\n')
    said = checkout.run("show", "a")
    for words in (
        "owner: me",
        "tags: t",
        "aliases: pmpt_1",
        "draft: draft.prompt",
        "production          1  prompt.yaml",
        "says two",
    ):
        assert words in said, said
    assert checkout.run("show", "pmpt_1@production") == (checkout.shelf.root / "a/1.prompt").read_text()
    assert checkout.run("show", "a@draft") == BODY.format(text="three")
    told = checkout.json("show", "a@2")
    assert (told["version"], told["label"], told["partials"]) == (2, "", {})
    checkout.shelf.write("a/2.prompt", "{{#if x}}")
    checkout.shelf.write("a/draft.prompt", "{{#if y}}")
    said = checkout.run("show", "a")
    assert "REFUSED: column 1" in said
    assert "draft: WRONG: " in said
    assert [one["usable"] for one in checkout.json("show", "a")["versions"]] == [True, False]


def test_messages_are_rendered(checkout: Checkout, tmp_path: Path) -> None:
    checkout.shelf.write("a/draft.prompt", TRIAGE)
    said = checkout.run("render", "a@draft", "--var", "message=hello = you", "--var", "count=3")
    assert said.splitlines()[0].startswith("a, draft, sha256:")
    assert said.splitlines()[0].endswith("…, model m")
    assert "system:\n" in said
    assert "Route 3." in said
    assert "hello = you" in said
    (tmp_path / "vars.json").write_text('{"message": "from the file", "count": 2}')
    told = checkout.json("render", "a@draft", "--vars", str(tmp_path / "vars.json"), "--var", "count=7")
    assert [one["role"] for one in told["messages"]] == ["system", "user"]
    assert "Route 7." in told["messages"][0]["content"][0]["text"]
    assert (told["version"], told["label"], told["model"]) == (0, "draft", "m")
    said = checkout.run("render", "a@draft", code=1)
    assert "prompt.variables.message is missing" in said
    assert "--var NAME=TEXT" in said
    (tmp_path / "vars.json").write_text("[]")
    for words in (("--vars", str(tmp_path / "vars.json")), ("--vars", str(tmp_path / "none.json"))):
        assert "error: " in checkout.run("render", "a@draft", *words, code=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "summery"), "did you mean `summary`?"),
        (("render", "summary"), "has no `production`"),
        (("label", "summary", "production", "7"), "no published version 7; published: 1"),
        (("label", "summary", "latest", "1"), "is no label to be set"),
        (("rollback", "summary", "production"), "has nothing to go back to"),
        (("publish", "summary"), "there is nothing to publish"),
        (("history", "nothing"), "there is no prompt"),
    ],
)
def test_what_cannot_be_done_is_told(checkout: Checkout, words: tuple[str, ...], says: str) -> None:
    checkout.shelf.publish("summary", "one")
    assert says in checkout.run(*words, code=1)


@pytest.mark.parametrize("to", ["x", "0", "1:2,x", "1:0", "1,2", "", "1:2,1:3,"])
def test_what_is_no_version_is_told_at_once(checkout: Checkout, to: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prompts", "label", "a", "production", to])
    assert ended.value.code == 2


def test_a_folder_is_looked_at_by_itself(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.shelf.publish("a", "one")
    policies = str(checkout.folder / "policies")
    assert main(["prompts", "list", "--policies", policies]) == 0
    assert main(["prompts", "label", "a", "production", "1", "--policies", policies]) == 1
    assert "say which by --config" in capsys.readouterr().err
    checkout.shelf.draft("a", "two")
    assert main(["prompts", "publish", "a", "--policies", policies]) == 0
    assert main(["prompts", "history", "a", "--policies", policies]) == 0
    assert "no label of a was ever moved" in capsys.readouterr().out
    assert not (checkout.folder / ".gateway").exists()


def test_check_compiles_everything(checkout: Checkout) -> None:
    checkout.shelf.publish("a", "one", "two")
    checkout.shelf.write("a/1.prompt", "{{#if x}}")
    checkout.shelf.draft("b", "{{#if y}}")
    said = checkout.run("check", code=1)
    assert "a/1.prompt:1: column 1" in said
    assert "b/draft.prompt:6: " in said
    checkout.run("check", "--json", code=1)


POLICIES = {
    "tenants.yaml": "tenants: [{id: acme, teams: [{id: red}]}]\n",
    "access.yaml": "rules: []\n",
    "guardrails.yaml": "guards: []\n",
    "limits.yaml": "limits: []\n",
    "prices.yaml": "currency: USD\nprices: []\n",
}


def test_gateway_check_looks_at_prompts(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in POLICIES.items():
        (checkout.folder / "policies" / name).write_text(text)
    (checkout.folder / "config.yaml").write_text(
        "providers: {p: {base_url: 'http://x'}}\nmodels: {m: {targets: [p/x]}}\n"
    )
    checkout.shelf.publish("a", "one")
    config = ["--config", str(checkout.folder / "config.yaml")]
    assert main(["check", *config, "--json"]) in (0, 1)
    assert [one for one in json.loads(capsys.readouterr().out) if one["severity"] == "error"] == []
    checkout.shelf.meta("a", "tenants: [acne]\nteams: ['r*']\n")
    checkout.shelf.write("a/draft.prompt", "---\nconfig: {temperature: 0}\nmodel: n\n---\nhello\n")
    assert main(["check", *config, "--json"]) == 1
    errors = [one for one in json.loads(capsys.readouterr().out) if one["severity"] == "error"]
    told = [(Path(one["file"]).name, one["line"], one["reason"]) for one in errors]
    assert told == [
        ("draft.prompt", 3, "there is no model `n` here; known: m"),
        (
            "prompt.yaml",
            1,
            "the tenant `acne` is not known here; did you mean `acme`? A new one is added under `tenants` in tenants.yaml",
        ),
    ]
    (checkout.folder / "policies" / "access.yaml").write_text("rules: {}\n")
    checkout.shelf.write("a/1.prompt", "{{#if x}}")
    assert main(["check", *config, "--json"]) == 1
    files = {Path(one["file"]).name for one in json.loads(capsys.readouterr().out)}
    assert {"access.yaml", "1.prompt"} <= files


def test_the_example_on_the_page_is_the_one_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "policies" / "PROMPTS.md").read_text()
    example = text.split("here to be tried:\n\n```yaml\n")[1].split("```")[0]
    shipped = (ROOT / "policies/prompts/demo/summary/prompt.yaml").read_text()
    said = [line for line in example.splitlines() if line]
    assert [line for line in shipped.splitlines() if line in said] == said
    policies = ["--policies", str(ROOT / "policies")]
    assert main(["prompts", "render", "demo/summary", "--var", "text=It rained all day.", *policies]) == 0
    out = capsys.readouterr().out
    assert "model smollm2" in out
    assert "It rained all day." in out
    assert main(["prompts", "check", *policies]) == 0
