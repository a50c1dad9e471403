"""Labels that stand in prompt.yaml are moved there, and nothing else of the file changes."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from shelves import Shelf

from gateway.core.faults import Conflict
from gateway.prompts.labels.moves import Change
from gateway.prompts.pinning import back_to, move_pinned
from gateway.prompts.positions import Position, position_of
from gateway.stores.documents import DocumentError

LAYOUTS = {
    "a block": "# mine\nowner: me   # yes\n\nlabels:\n  production: 1   # stable\n  other: 2\ntags: [a]\n",
    "a flow": "labels: {other: 2, production: 1}\nowner: me\n",
    "weights in a block": "labels:\n  production:\n    1: 90\n    2: 10   # new\nowner: me\n",
    "weights in a flow": "labels: {production: {1: 90, 2: 10}}\n",
    "a history": "history:\n  - {label: production, from: 2, to: 1, at: 2026-01-01, by: me}   # ok\nlabels:\n  production: 1\n",
    "a history without indentation": "labels:\n  production: 1\nhistory:\n- label: other\n  to: 1\n  at: 2026-01-01\n  by: me\n",
    "an empty history": "history: []\nlabels: {production: 1}\n",
    "a history in a flow": "labels: {production: 1}\nhistory: [{label: production, to: 1, at: 2026-01-01, by: me}]",
    "quotes": 'labels: {"production": 1}\n"owner": "é \\" :"\n',
    "no end of the last line": "labels:\n  production: 1",
    "Windows": "owner: me\r\nlabels:\r\n  production: 1\r\n",
}


def shelf_with(shelf: Shelf, text: str) -> Shelf:
    shelf.publish("a", "one", "two", "three")
    (shelf.root / "a/prompt.yaml").write_bytes(text.encode())
    return shelf


def move(shelf: Shelf, after: Position, **more: object) -> None:
    before = shelf.read().entry("a").meta.pinned["production"]
    change = Change(prompt="a", label="production", before=before, after=after, actor="cli:ann", **more)  # type: ignore[arg-type]
    move_pinned(shelf.root, change, shelf.clock)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("after", [position_of(3), position_of({1: 50, 3: 50})], ids=["one", "weights"])
def test_the_label_moves_and_the_rest_stays(shelf: Shelf, layout: str, after: Position) -> None:
    shelf_with(shelf, LAYOUTS[layout])
    before = shelf.read().entry("a").meta
    move(shelf, after, reason='it is "better": yes', gate_run="gate_1", forced=True)
    library = shelf.read()
    assert library.problems == []
    meta = library.entry("a").meta
    assert meta.pinned == {**before.pinned, "production": after}
    assert meta.history[:-1] == before.history
    last = meta.history[-1]
    assert (last.label, last.by, last.reason, last.gate_run, last.forced) == (
        "production", "cli:ann", 'it is "better": yes', "gate_1", True,
    )  # fmt: skip
    assert (meta.owner, meta.tags) == (before.owner, before.tags)
    new = (shelf.root / "a/prompt.yaml").read_bytes().decode()
    for comment in ("# mine", "# yes", "# stable", "# ok"):
        assert (comment in new) == (comment in LAYOUTS[layout]), comment


def test_a_block_is_changed_in_one_place_and_gets_one_line(shelf: Shelf) -> None:
    shelf_with(shelf, LAYOUTS["a block"])
    move(shelf, position_of(3))
    wanted = LAYOUTS["a block"].replace("production: 1 ", "production: 3 ")
    line = '{label: production, from: 1, to: 3, at: 2026-11-18T11:06:40Z, by: "cli:ann"}'
    assert (shelf.root / "a/prompt.yaml").read_text() == f"{wanted}history:\n  - {line}\n"


numbers = st.integers(1, 3)
places = numbers | st.dictionaries(numbers, st.integers(1, 99), min_size=2, max_size=3)


@settings(max_examples=40)
@given(moves=st.lists(places, min_size=1, max_size=6), layout=st.sampled_from(sorted(LAYOUTS)))
def test_any_number_of_moves_leaves_a_good_file(tmp_path_factory: pytest.TempPathFactory, moves: list[int | dict[int, int]], layout: str) -> None:  # fmt: skip
    shelf = shelf_with(Shelf(tmp_path_factory.mktemp("pins") / "prompts"), LAYOUTS[layout])
    made = len(shelf.read().entry("a").meta.history)
    for place in moves:
        after = position_of(place)
        if after == shelf.read().entry("a").meta.pinned["production"]:
            continue
        move(shelf, after)
        made += 1
        assert shelf.read().entry("a").meta.pinned["production"] == after
    library = shelf.read()
    assert (library.problems, len(library.entry("a").meta.history)) == ([], made)


def test_back_and_back_again(shelf: Shelf) -> None:
    shelf_with(shelf, "labels:\n  production: 1\n")
    for number in (2, 3):
        move(shelf, position_of(number))
    for wanted in (2, 1):
        back = back_to(shelf.read().entry("a"), "production")
        assert back == position_of(wanted)
        move(shelf, back, rollback=True)
    with pytest.raises(Conflict, match="has nothing to go back to"):
        back_to(shelf.read().entry("a"), "production")


def test_back_from_what_somebody_wrote_by_hand(shelf: Shelf) -> None:
    shelf_with(shelf, "labels:\n  production: 1\n")
    move(shelf, position_of(2))
    path = shelf.root / "a/prompt.yaml"
    path.write_text(path.read_text().replace("production: 2", "production: 3"))
    assert back_to(shelf.read().entry("a"), "production") == position_of(2)


def test_a_move_to_where_it_stands_or_from_elsewhere_is_refused(shelf: Shelf) -> None:
    shelf_with(shelf, "labels:\n  production: 1\n")
    with pytest.raises(Conflict, match="stands on 1 already"):
        move(shelf, position_of(1))
    late = Change(prompt="a", label="production", before=position_of(2), after=position_of(3), actor="x")
    with pytest.raises(Conflict, match="stands elsewhere by now"):
        move_pinned(shelf.root, late, shelf.clock)


def test_what_cannot_be_edited_stays_as_it_is(shelf: Shelf) -> None:
    text = "{labels: {production: 1}}\n"
    shelf_with(shelf, text)
    with pytest.raises(DocumentError, match=r"set `labels: \{production: 3\}` by hand"):
        move(shelf, position_of(3))
    assert (shelf.root / "a/prompt.yaml").read_text() == text
    assert yaml.safe_load(text)
