"""Files spoiled in every way while a feed follows them: each leaves the last good set in force, or is a good set."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.access.signing import BUNDLE, new_key, sign
from gateway.core.wiring import NO_WIRING, Wiring
from gateway.policyfeed import PolicyFeed, keep
from gateway.policyset import PolicySet, read_policies
from gateway.stores.documents import DocumentError
from tests.conftest import ROOT
from tests.stores.fuzzing import cases

PLACES = {
    "access": "access.yaml",
    "tenants": "tenants.yaml",
    "model": "models/smollm2.yaml",
    "guardrails": "guardrails.yaml",
    "limits": "limits.yaml",
    "prices": "prices.yaml",
    "cache": "cache.yaml",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))
    (copied / "cache.yaml").write_text("rules: [{id: all, ttl_s: 60}]\n")
    return copied


@pytest.mark.parametrize("kind", PLACES)
async def test_a_spoiled_file_leaves_the_last_good_set_in_force(kind: str, folder: Path) -> None:
    told: list[tuple[PolicySet, DocumentError | None]] = []
    feed = PolicyFeed(folder, lambda policies, problem: told.append((policies, problem)))
    path = folder / PLACES[kind]
    text, bad = path.read_text(), 0
    for case in cases(kind, seed=7, nodes=80, texts=40):
        before, lives = (
            feed.set,
            (feed.access.value, feed.catalogue.value, feed.limits.value, feed.prices.value, feed.cache.value),
        )
        path.write_bytes(case.text)
        await feed._reload()
        policies, problem = told[-1]
        assert policies is feed.set
        if problem is not None:
            bad += 1
            assert feed.set is before, case.name
            assert (
                feed.access.value,
                feed.catalogue.value,
                feed.limits.value,
                feed.prices.value,
                feed.cache.value,
            ) == lives
            assert feed.problem is problem
            assert problem.reason
    assert bad > 40
    path.write_text(text)
    await feed._reload()
    assert feed.problem is None


@pytest.mark.parametrize("name", ["access/rules.yml", "access/rules.yaml~", "models/card.json", "models/folder.yaml/x"])
def test_nothing_that_looks_like_a_rule_is_left_out_silently(name: str, folder: Path) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("rules: []\n")
    with pytest.raises(DocumentError, match="nothing else may stand here"):
        read_policies(folder)


@pytest.mark.parametrize("name", ["access.yml", "acess.yaml", "tenant.yaml"])
def test_a_file_of_another_name_is_told_not_ignored(name: str, folder: Path) -> None:
    (folder / name).write_text("rules: []\n")
    with pytest.raises(DocumentError, match="is not read; the file is called"):
        read_policies(folder)


@pytest.mark.parametrize("name", ["access/README.md", "models/.card.yaml.swp"])
def test_notes_and_editors_files_may_stand_beside(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("notes")
    assert read_policies(folder).access.entries.all


def test_what_is_kept_is_what_a_worker_begins_with_while_a_file_is_wrong(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "policies.json"
    good = read_policies(folder)
    keep(good, kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    (folder / "access.yaml").write_text("rules: [")
    feed = PolicyFeed(folder, lambda *_: None, last_good=kept)
    assert (feed.set.digest, feed.problem is None) == (good.digest, False)
    with pytest.raises(DocumentError):
        PolicyFeed(folder, lambda *_: None)


REDUCED = "tenants:\n  - {id: demo, teams: [{id: other}]}\n"
QUICKSTART = ("demo", "quickstart")


async def after_removal(folder: Path, wiring: Wiring, kept: Path) -> Mapping[str, bool]:
    """Whether the team is still declared once it is removed beside a file that is wrong: to a worker that was there,
    and to one that begins then."""
    feed = PolicyFeed(folder, lambda *_: None, wiring)
    assert QUICKSTART in feed.tenants.value.teams
    keep(feed.set, kept)
    (folder / "tenants.yaml").write_text(REDUCED)
    (folder / "access.yaml").write_text("rules: [")
    await feed._reload()
    begun = PolicyFeed(folder, lambda *_: None, wiring, last_good=kept)
    return {"there": QUICKSTART in feed.tenants.value.teams, "begun": QUICKSTART in begun.tenants.value.teams}


async def test_a_team_removed_beside_a_wrong_file_is_gone_at_once(folder: Path, tmp_path: Path) -> None:
    assert await after_removal(folder, NO_WIRING, tmp_path / "kept.json") == {"there": False, "begun": False}


async def test_where_policies_are_signed_a_file_nobody_vouches_for_removes_nobody(folder: Path, tmp_path: Path) -> None:
    private, public = new_key()
    (folder / BUNDLE).write_bytes(sign(folder, private, sorted(read_policies(folder).files)))
    wiring = Wiring(signers=(public,))
    assert await after_removal(folder, wiring, tmp_path / "kept.json") == {"there": True, "begun": True}
