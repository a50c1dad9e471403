"""Imports and exports by the command line: files, published versions, labels; and what happens to what was there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.core.faults import Conflict
from gateway.prompts.checking import prompt_problems
from gateway.prompts.formats import Converted, NewVersion
from gateway.prompts.importing import write_imported
from gateway.prompts.loading import read_library
from gateway.testing import HandClock
from tests.conftest import ROOT

EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    (tmp_path / "policies" / "prompts").mkdir(parents=True)
    return tmp_path / "policies"


def run(policies: Path, *words: str) -> int:
    return main(["prompts", *words, "--policies", str(policies)])


def documented() -> Any:
    """The example of the page on prompts."""
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "policies" / "PROMPTS.md").read_text(), re.DOTALL)
    return json.loads(block)


@pytest.fixture
def hosted(tmp_path: Path) -> Path:
    path = tmp_path / "support.json"
    path.write_text(json.dumps(documented()))
    return path


def test_a_hosted_prompt_is_served_as_it_was_called(
    policies: Path, hosted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted), "--by", "me") == 0
    root = policies / "prompts"
    said = capsys.readouterr().out
    assert "published: support-assistant, version 3" in said
    assert prompt_problems(root) == []
    library = read_library(root)
    for wanted in ("", "3", "production"):
        found = library.resolve("pmpt_68a1c2f0e4b8", wanted)
        assert (found.name, found.version) == ("support-assistant", 3)
    entry = library.entry("support-assistant")
    assert (entry.lock[3].by, entry.lock[3].after) == ("me", 0)
    assert run(policies, "render", "pmpt_68a1c2f0e4b8@3", "--var", "customer_name=Acme", "--var", "issue=x") == 0
    assert "You help Acme. Be concise." in capsys.readouterr().out


def test_a_dry_run_writes_nothing(policies: Path, hosted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted), "--dry-run") == 0
    assert list((policies / "prompts").iterdir()) == []
    assert "would write" in capsys.readouterr().out


def test_importing_again_is_no_error(policies: Path, hosted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(policies, "import", "--from", "openai", str(hosted), "--json") == 0
    first, again = (json.loads(one) for one in capsys.readouterr().out.replace("}\n{", "}\0{").split("\0"))
    assert [one["version"] for one in first["published"]] == [3]
    assert (again["published"], again["written"], sorted(again["same"])) == ([], [], sorted(first["written"]))


def test_later_versions_are_added_and_what_is_there_stays(
    policies: Path, hosted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted)) == 0
    about = policies / "prompts" / "support-assistant" / "prompt.yaml"
    about.write_text("owner: cx\n" + about.read_text())
    given = documented()
    later = {**given["versions"][0], "version": "7"}  # the same text: callers may ask for either
    hosted.write_text(json.dumps({**given, "production_version": "7", "versions": [*given["versions"], later]}))
    assert run(policies, "import", "--from", "openai", str(hosted)) == 0
    said = capsys.readouterr().out
    assert "stays as it is" in said
    assert "  production: 7" in said.replace("    production", "  production")
    library = read_library(policies / "prompts")
    assert list(library.entry("support-assistant").versions) == [3, 7]
    assert library.resolve("support-assistant").version == 3
    assert prompt_problems(policies / "prompts") == []


def test_what_says_something_else_is_not_overwritten(
    policies: Path, hosted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted)) == 0
    before = {path: path.read_bytes() for path in policies.rglob("*") if path.is_file()}
    given = documented()
    given["versions"][0]["messages"][1]["content"] = "other"
    given["versions"].append({"version": "2", "instructions": "x"})
    hosted.write_text(json.dumps(given))
    assert run(policies, "import", "--from", "openai", str(hosted)) == 1
    said = capsys.readouterr().err
    assert "3.prompt is there already, and says something else" in said
    assert "version 2 of support-assistant cannot be added behind version 3" in said
    assert {path: path.read_bytes() for path in policies.rglob("*") if path.is_file()} == before


def test_a_file_of_a_format_without_versions_becomes_the_next_one(policies: Path, tmp_path: Path) -> None:
    path = tmp_path / "chat.prompty"
    for text in ("one", "two", "two"):
        path.write_text(text)
        assert run(policies, "import", "--from", "prompty", str(path), "--name", "a/chat") == 0
    assert [one.number for one in read_library(policies / "prompts").entry("a/chat").versions.values()] == [1, 2, 3]


def test_partials_stand_where_prompts_find_them(policies: Path, tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    tone = {"name": "tone", "prompt": "Be kind.", "labels": ["production"], "version": 1}
    outer = {"name": "deep/er/outer", "prompt": "@@@langfusePrompt:name=tone|label=production@@@ {{x}}", "version": 2}
    path.write_text(json.dumps([tone, outer]))
    assert run(policies, "import", "--from", "langfuse", str(path)) == 0
    assert prompt_problems(policies / "prompts") == []
    prompt = read_library(policies / "prompts").resolve("deep/er/outer", "2").prompt
    assert "Be kind. y" in str(prompt.render({"x": "y"}))


def test_every_reason_is_told(policies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.prompty"
    path.write_text("---\nname: a\n---\n{{ x | upper }}\n{% set y = 1 %}\n")
    assert run(policies, "import", "--from", "prompty", str(path)) == 1
    said = capsys.readouterr().err
    assert "is not brought over; nothing was written" in said
    assert "line 4: {{ x | upper }}" in said
    assert "line 5: {% set y = 1 %}" in said
    assert list((policies / "prompts").iterdir()) == []


def test_files_that_are_not_there_or_no_text(
    policies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    for name in ("a.json", "b.json"):
        assert run(policies, "import", "--from", "openai", str(tmp_path / name)) != 0
    said = capsys.readouterr().err
    assert "a.json: cannot be read" in said
    assert "b.json: is not UTF-8" in said


def test_another_folder(policies: Path, hosted: Path, tmp_path: Path) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted), "--into", str(tmp_path / "new")) == 0
    assert list(read_library(tmp_path / "new").prompts) == ["support-assistant"]


@pytest.mark.parametrize("folder", ["deep", "deep/er", "deep/er/outer"])
def test_no_other_partial_is_put_into_what_is_brought_over(
    policies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """The one in the nearest folder counts, and that would not be the one that the prompt refers to."""
    inner = {"name": "tone", "prompt": "Be kind.", "labels": ["production"], "version": 1}
    outer = {"name": "deep/er/outer", "prompt": "@@@langfusePrompt:name=tone|label=production@@@", "version": 2}
    path = tmp_path / "both.json"
    path.write_text(json.dumps([inner, outer]))
    nearer = policies / "prompts" / folder / "_tone.prompt"
    nearer.parent.mkdir(parents=True)
    nearer.write_text("Be rude.")
    assert run(policies, "import", "--from", "langfuse", str(path)) == 1
    assert f"{nearer} stands nearer; rename that" in capsys.readouterr().err
    assert not (policies / "prompts/_tone.prompt").exists()
    nearer.unlink()
    assert run(policies, "import", "--from", "langfuse", str(path)) == 0
    assert run(policies, "render", "deep/er/outer@2") == 0
    assert "Be kind." in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["openai", "langfuse", "prompty"])
def test_exports(kind: str, policies: Path, hosted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(policies, "import", "--from", "openai", str(hosted)) == 0
    capsys.readouterr()
    assert run(policies, "export", "pmpt_68a1c2f0e4b8", "--to", kind) == 0
    printed = capsys.readouterr().out
    assert run(policies, "export", "support-assistant", "--all", "--to", kind, "--output", str(tmp_path / "out")) == 0
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_text() == printed
    if kind == "openai":
        assert json.loads(printed) == documented()
    other = tmp_path / "other"
    assert run(policies, "import", "--from", kind, str(file), "--into", str(other)) == 0
    wanted, found = (
        read_library(root).resolve("support-assistant", "latest").prompt for root in (policies / "prompts", other)
    )
    given = {"customer_name": "A", "issue": "B"}
    assert found.render(given) == wanted.render(given)


def test_what_cannot_be_exported_is_told(policies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = policies / "prompts" / "a"
    folder.mkdir()
    (folder / "draft.prompt").write_text("A\n{{#if x}}b{{/if}}\n")
    assert run(policies, "export", "a@draft", "--to", "langfuse") == 1
    assert "line 2: {{#if x}}: has no counterpart in Langfuse" in capsys.readouterr().err
    assert run(policies, "export", "a", "--to", "langfuse") == 1
    assert run(policies, "export", "b", "--to", "prompty") == 1


def test_messages_are_made_fit_for_the_lock(tmp_path: Path) -> None:
    made = Converted({"a/1.prompt": "A\n"}, [], [NewVersion("a", 1, "line\nline\x00" + "x" * 600)])
    done = write_imported(tmp_path / "prompts", made, by="me", clock=HandClock())
    assert [len(one.lock.message) for one in done.published] == [500]
    assert read_library(tmp_path / "prompts").problems == []


def test_numbers_only_rise(tmp_path: Path) -> None:
    files = {"a/2.prompt": "A\n", "a/1.prompt": "B\n"}
    made = Converted(files, [], [NewVersion("a", 2), NewVersion("a", 1)])
    with pytest.raises(Conflict, match="version 1 of a stands behind version 2"):
        write_imported(tmp_path / "prompts", made, by="me", clock=HandClock())


def test_a_line_that_is_taken_out_is_missed_all_the_same(policies: Path, hosted: Path) -> None:
    given = documented()
    versions = [{"version": number, "instructions": number} for number in ("2", "3", "5")]
    hosted.write_text(json.dumps({**given, "versions": versions}))
    assert run(policies, "import", "--from", "openai", str(hosted)) == 0
    lock = policies / "prompts" / "support-assistant" / "versions.yaml"
    assert prompt_problems(policies / "prompts") == []
    lock.write_text("".join(line for line in lock.read_text().splitlines(keepends=True) if not line.startswith("3:")))
    assert "versions 3 to 4 are missing before version 5" in "\n".join(map(str, prompt_problems(policies / "prompts")))
