"""Finding the version that is asked for; what is told, and to whom, when there is none."""

import time

import pytest
from shelves import Shelf, said

from gateway.core.faults import Fault
from gateway.prompts.building import Entry
from gateway.prompts.labels.moves import Positions
from gateway.prompts.library import Library, visible_to
from gateway.prompts.metadata import Meta
from gateway.prompts.positions import position_of
from gateway.prompts.refusing import UnknownPrompt, UnknownVersion, UnusablePrompt

LABELS: Positions = {("demo/summary", "staging"): position_of(3), ("demo/summary", "ab"): position_of({1: 50, 3: 50})}


@pytest.fixture
def library(shelf: Shelf) -> Library:
    shelf.publish("demo/summary", "one", "two", "three")
    shelf.draft("demo/summary", "not yet")
    shelf.meta("demo/summary", "aliases: [pmpt_1]\nowner: me\nlabels: {production: 2}\n")
    shelf.publish("secret/plan", "whisper")
    shelf.meta("secret/plan", "tenants: [acme]\nteams: ['red-*']\naliases: [pmpt_2]\n")
    return shelf.read(labels=LABELS)


@pytest.mark.parametrize(
    ("wanted", "says", "version", "label"),
    [
        ("", "two", 2, "production"),
        ("production", "two", 2, "production"),
        ("staging", "three", 3, "staging"),
        ("1", "one", 1, ""),
        ("v1", "one", 1, ""),
        ("latest", "three", 3, "latest"),
        ("draft", "not yet", 0, "draft"),
    ],
)
@pytest.mark.parametrize("name", ["demo/summary", "pmpt_1"])
def test_what_is_asked_for_is_found(
    library: Library, name: str, wanted: str, says: str, version: int, label: str
) -> None:
    found = library.resolve(name, wanted, drafts=True)
    assert (found.name, found.version, found.label, found.variant) == ("demo/summary", version, label, "")
    assert found.meta.owner == "me"
    assert said(library, name, wanted) == says
    assert len(found.digest) == 71


def test_a_wrong_name_costs_little_however_many_there_are() -> None:
    many = {
        name: Entry(meta=Meta(name=name)) for name in (f"team-{one % 100}/of-{one}/summary" for one in range(9_000))
    }
    library, began = Library({**many, "demo/summary": Entry(meta=Meta(name="demo/summary"))}), time.process_time()
    with pytest.raises(UnknownPrompt, match="did you mean `demo/summary`"):
        library.resolve("demo/sumary")
    for number in range(10):
        with pytest.raises(UnknownPrompt):
            library.resolve(f"team-{number}/prodct-{number}/sumary-of-the-day")
    assert time.process_time() - began < 1.5


def test_digests_are_found_by_their_beginning(library: Library) -> None:
    for number, version in library.prompts["demo/summary"].versions.items():
        for digits in (12, 40, 64):
            assert library.resolve("demo/summary", version.digest[: 7 + digits]).version == number
    with pytest.raises(UnknownVersion, match="no version has this digest"):
        library.resolve("demo/summary", "sha256:" + "0" * 12)


def test_a_digest_of_another_prompt_is_not_found(library: Library) -> None:
    digest = library.prompts["secret/plan"].versions[1].digest
    with pytest.raises(UnknownVersion):
        library.resolve("demo/summary", digest)


def test_a_beginning_that_several_versions_share_is_refused(library: Library) -> None:
    entry = library.prompts["demo/summary"]
    for version in entry.versions.values():
        version._digest = "sha256:" + "ab" * 6 + version.digest[19:]  # no two real ones will ever begin alike
    with pytest.raises(UnknownVersion, match="give more digits"):
        library.resolve("demo/summary", "sha256:" + "ab" * 6)


def test_units_are_divided_among_the_versions_of_a_label(library: Library) -> None:
    found = [library.resolve("demo/summary", "ab", f"user-{number}") for number in range(200)]
    assert {(one.version, one.variant) for one in found} == {(1, "a"), (3, "b")}
    again = [library.resolve("pmpt_1", "ab", f"user-{number}") for number in range(200)]
    assert [one.version for one in found] == [one.version for one in again]


def test_another_label_of_another_prompt_divides_otherwise(shelf: Shelf) -> None:
    for name in ("a", "b"):
        shelf.publish(name, "one", "two")
        shelf.meta(name, "labels: {production: {1: 50, 2: 50}, other: {1: 50, 2: 50}}\n")
    library = shelf.read()
    places = [("a", "production"), ("b", "production"), ("a", "other")]
    chosen = [[library.resolve(*place, str(unit)).version for unit in range(100)] for place in places]
    assert chosen[0] != chosen[1]
    assert chosen[0] != chosen[2]


def test_the_file_goes_before_the_database(library: Library) -> None:
    moved = library.with_labels({("demo/summary", "production"): position_of(1)})
    assert moved.resolve("demo/summary").version == 2
    assert moved.positions(moved.prompts["demo/summary"]) == {"production": position_of(2)}


def test_a_snapshot_stays_as_it_is(library: Library) -> None:
    moved = library.with_labels({("demo/summary", "staging"): position_of(1)})
    assert library.resolve("demo/summary", "staging").version == 3
    assert moved.resolve("demo/summary", "staging").version == 1
    assert moved.prompts is library.prompts


@pytest.mark.parametrize(
    ("name", "wanted", "kind", "says"),
    [
        ("demo/sumary", "", UnknownPrompt, "did you mean `demo/summary`?"),
        ("nothing like it at all", "", UnknownPrompt, "known: demo/summary, secret/plan"),
        ("demo/summary", "prodution", UnknownVersion, "did you mean `production`?"),
        ("demo/summary", "4", UnknownVersion, "published: 1, 2, 3"),
        ("demo/summary", "x y", UnknownVersion, "a version is a number, a label"),
        ("demo/summary", "draft", UnknownVersion, "publish it"),
        ("secret/plan", "production", UnknownVersion, "known: latest"),
    ],
)
def test_who_asks_for_what_is_not_there_is_told(
    library: Library, name: str, wanted: str, kind: type[Fault], says: str
) -> None:
    with pytest.raises(kind) as found:
        library.resolve(name, wanted)
    assert says in found.value.message
    assert (found.value.status, found.value.code) == (404, "prompt_not_found")
    assert found.value.param == ("prompt.id" if kind is UnknownPrompt else "prompt.version")


def test_no_draft_is_no_draft(library: Library) -> None:
    with pytest.raises(UnknownVersion, match=r"there is no draft\.prompt"):
        library.resolve("secret/plan", "draft", drafts=True)


@pytest.mark.parametrize(
    ("tenant", "team", "sees"),
    [("acme", "red-1", True), ("acme", "blue", False), ("other", "red-1", False), ("", "", False)],
)
def test_prompts_are_for_tenants_and_teams(library: Library, tenant: str, team: str, sees: bool) -> None:
    visible = visible_to(tenant, team)
    assert library.resolve("demo/summary", visible=visible).version == 2
    for name in ("secret/plan", "pmpt_2"):
        if sees:
            assert library.resolve(name, "1", visible=visible).name == "secret/plan"
        else:
            with pytest.raises(UnknownPrompt):
                library.resolve(name, "1", visible=visible)


def test_whoever_may_not_use_a_prompt_cannot_tell_that_it_is_there(library: Library) -> None:
    visible = visible_to("other", "x")

    def told(name: str, wanted: str = "") -> str:
        with pytest.raises(UnknownPrompt) as found:
            library.resolve(name, wanted, visible=visible)
        return found.value.message.replace(name, "NAME")

    there = told("secret/plan")
    assert there == told("zzzzzz/zzzz") == told("secret/plan", "9") == told("pmpt_2")
    assert "secret" not in told("secret/plam")


def test_a_label_on_a_version_that_is_gone_is_our_fault(library: Library) -> None:
    moved = library.with_labels({("demo/summary", "staging"): position_of(9)})
    with pytest.raises(UnusablePrompt, match="stands on version 9") as found:
        moved.resolve("demo/summary", "staging")
    assert (found.value.status, found.value.blame) == (503, "own")


def test_many_versions_are_named_in_short(shelf: Shelf) -> None:
    shelf.publish("a", *map(str, range(12)))
    with pytest.raises(UnknownVersion, match=r"published: 1, 2, … 12$"):
        shelf.read().resolve("a", "99")


def test_many_prompts_are_not_listed(shelf: Shelf) -> None:
    for number in range(12):
        shelf.publish(f"p{number}", "x")
    with pytest.raises(UnknownPrompt) as found:
        shelf.read().resolve("quite another")
    assert found.value.message == "there is no prompt `quite another`"
