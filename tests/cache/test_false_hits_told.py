"""`gateway cache evaluate` shows whose answers a rule would take for each other's, so that somebody can judge."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cache.pairs import Pair, digest_of
from gateway.cli import main
from tests.cache.test_evaluate_without_numpy import CACHE
from tests.drift.test_findings import Folder

SAME = [Pair(f"how do I reset it {n}", f"it {n}: how to reset?", True) for n in range(20)]
LONG = Pair("may I pay " + "with a very old card " * 20, "may I\npay\x1b[2J late", False)
OTHERS = [LONG, *(Pair(f"cancel order {n}", f"cancel all but {n}", False) for n in range(25))]
# Of those at 0.9 or more a dozen are not the same; the long one is the most alike.
COSINES = [0.95] * 20 + [0.99] + [0.9 + n / 1000 for n in range(11)] + [0.89, *[0.3] * 13]


class Desk:
    def __init__(self, folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        folder.write("config.yaml", "policies_dir: .\n")
        folder.write("cache.yaml", CACHE)
        (folder.path / "cache").mkdir()
        self.pairs([*SAME, *OTHERS])
        self.measured([*SAME, *OTHERS])

    def pairs(self, pairs: list[Pair]) -> None:
        lines = "".join(f"  - {json.dumps({'a': one.a, 'b': one.b, 'same': one.same})}\n" for one in pairs)
        self.folder.write("cache/faq.yaml", f"pairs:\n{lines}")

    def measured(self, pairs: list[Pair], model: str = "embed") -> None:
        known = {"model": model, "pairs": digest_of(pairs), "cosines": COSINES[: len(pairs)]}
        self.folder.write("cache/faq.measured.yaml", json.dumps(known))

    def evaluate(self, *words: str) -> str:
        main(["cache", "evaluate", *words])
        return self._capsys.readouterr().out

    @property
    def told(self) -> dict[str, Any]:
        (found,) = json.loads(self.evaluate("--json"))
        return found


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(Folder(tmp_path), capsys)


def test_the_worst_are_shown_with_both_questions_and_where_they_stand(desk: Desk) -> None:
    lines = desk.evaluate().splitlines()
    at = lines.index("false hits at 0.9, the most alike first: one would be given the other's answer")
    first, a, b, second, *_ = lines[at + 1 :]
    file = desk.folder.path / "cache" / "faq.yaml"
    assert (first, second) == (f"0.9900  {file}:22", f"0.9100  {file}:33")
    assert b.strip() == "may I pay\\u001b[2J late", "no letter moves the cursor"
    assert a.strip().startswith("may I pay with a very old card with")
    assert (len(a.strip()), a[-1]) == (160, "…")
    assert [line.split()[0] for line in lines if ".yaml:" in line] == [
        "0.9900",
        *(f"0.9{n:02}0" for n in range(10, 1, -1)),
    ]
    assert "and 2 more; --json has them all" in lines
    assert "cancel order 11" not in "\n".join(lines), "it is no hit"
    assert lines[-1].startswith("refused: 12 of 32 pairs as alike as 0.9 are not the same")


def test_programs_are_told_all_of_them_in_full(desk: Desk) -> None:
    told = desk.told
    found = told["false_hit_pairs"]
    assert [one["cosine"] for one in found] == [0.99, *(round(0.91 - n / 1000, 3) for n in range(11))]
    assert found[0] == {"cosine": 0.99, "a": LONG.a, "b": LONG.b, "line": 22}
    assert told["file"].endswith("cache/faq.yaml")
    at = next(line for line in told["judged"] if line["threshold"] == 0.9)
    assert at["false_hits"] == len(found) == 12


@pytest.mark.parametrize("changed", ["model", "pairs"])
def test_what_was_measured_of_others_accuses_no_pair(desk: Desk, changed: str) -> None:
    if changed == "model":
        desk.measured([*SAME, *OTHERS], "another")
    else:
        desk.pairs([*OTHERS, *SAME])
    told = desk.told
    assert (told["judged"], told["false_hit_pairs"]) == ([], [])
    assert "gateway cache evaluate --write" in told["refused"]
    assert "false hits" not in desk.evaluate()


def test_where_none_is_wrong_none_is_shown(desk: Desk) -> None:
    desk.folder.write("cache.yaml", CACHE.replace("threshold: 0.9", "threshold: 0.992"))
    assert desk.told["false_hit_pairs"] == []
    assert "the most alike first" not in desk.evaluate()
