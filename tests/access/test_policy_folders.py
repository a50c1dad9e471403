"""Folders of policies as they should not be: nothing hangs, nothing falls over, and no rule is silently left out."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policyfeed import PolicyFeed, keep
from gateway.policyset import read_policies
from gateway.stores.documents import DocumentError
from tests.conftest import ACCESS, CARD, GUARDRAILS, LIMITS, PRICES, TENANTS

DENY = "rules:\n  - {id: d, effect: deny, owner: o, reason: r}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "access").mkdir()
    files = {"tenants": TENANTS, "access": ACCESS, "guardrails": GUARDRAILS, "limits": LIMITS, "prices": PRICES}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "models/m.yaml").write_text(CARD.format(name="m", target="mock/real"))
    (tmp_path / "access/deny.yaml").write_text(DENY)
    return tmp_path


def replace(what: str, how: Callable[[Path], object]) -> Callable[[Path], None]:
    def replaced(folder: Path) -> None:
        path = folder / what
        path.rename(folder / "gone")
        how(path)

    return replaced


@pytest.mark.parametrize(
    ("break_", "says"),
    [
        (replace("access", lambda path: path.write_text("")), "as a folder"),
        (replace("access", lambda path: path.symlink_to("nowhere")), "as a folder"),
        (replace("access", lambda path: path.symlink_to("access")), "as a folder"),
        (replace("access", os.mkfifo), "as a folder"),
        (replace("models", lambda path: path.symlink_to("nowhere")), "as a folder"),
        (replace("access.yaml", os.mkfifo), "no regular file"),
        (replace("access.yaml", lambda path: path.symlink_to("/dev/zero")), "no regular file"),
        (lambda folder: os.mkfifo(folder / "models/x.yaml"), "no regular file"),
        (lambda folder: (folder / "models/x.yaml").symlink_to("/dev/zero"), "no regular file"),
        (lambda folder: os.truncate(folder / "access.yaml", 2**40), "larger than"),
        (lambda folder: (folder / os.fsdecode(b"access/\xff.yaml")).write_text(DENY), "unprintable name"),
        (lambda folder: (folder / "access/a\nb.yaml").write_text(DENY), "unprintable name"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_not_waited_for(
    folder: Path, break_: Callable[[Path], object], says: str
) -> None:
    break_(folder)
    found: list[BaseException] = []

    def read() -> None:
        try:
            read_policies(folder)
        except BaseException as error:  # noqa: BLE001  whatever it is, the test looks at it
            found.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive(), "still waiting"
    assert [type(one) for one in found] == [DocumentError], found
    assert says in str(found[0])


@pytest.mark.parametrize("name", ["README.yaml", "README-no-search.yaml"])
def test_a_rule_is_not_left_out_for_the_name_of_its_file(folder: Path, name: str) -> None:
    (folder / "access/deny.yaml").rename(folder / "access" / name)
    (folder / "access/README.md").write_text("# not a rule\n")
    (folder / "access/.deny.yaml.swp").write_text("an editor's")
    assert f"access/{name}" in read_policies(folder).files


def test_a_removed_team_stays_removed_where_a_worker_begins_anew_beside_a_wrong_file(folder: Path) -> None:
    async def declared() -> bool:
        return PolicyFeed(folder, lambda policies, problem: None, last_good=kept).tenants.value.declares(
            "acme", "team-b"
        )

    kept = folder.parent / f"{folder.name}.kept"
    keep(read_policies(folder), kept)
    (folder / "limits.yaml").write_text("limits: [")
    assert asyncio.run(declared())
    (folder / "tenants.yaml").write_text(TENANTS.replace("      - {id: team-b, name: B}\n", ""))
    assert not asyncio.run(declared())


@pytest.mark.parametrize("cap", ["0", "-1"])
def test_a_cap_is_a_number_that_caps(folder: Path, cap: str) -> None:
    (folder / "access.yaml").write_text(f"{ACCESS}    obligations: {{max_output_tokens: {cap}}}\n")
    with pytest.raises(DocumentError, match="a whole number of at least 1"):
        read_policies(folder)
