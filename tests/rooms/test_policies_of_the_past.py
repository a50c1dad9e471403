"""Who could use what then: answered from the history alone, and only if it holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.access.activations import activations, iso
from gateway.access.history import PolicyHistory
from gateway.core.faults import BadRequest, Conflict, NotFound
from gateway.core.target import Target
from gateway.core.wiring import Wiring
from gateway.edge.admin.policies import ExplainRequest
from gateway.policypast import answer, at_text, in_force_at, moment_ns, page
from gateway.policyset import deciding, parse_deciding, parse_policies, policy_texts
from gateway.stores.documents import DocumentError, Text
from tests.conftest import CARD, LIMITS, PRICES, TENANTS

ALLOW = "rules: [{id: all, effect: allow, owner: o, reason: everything, teams: [team-a]}]\n"
DENY = ALLOW.replace("]\n", ", {id: no-big, effect: deny, owner: o, reason: too big, models: [big]}]\n")
WIRED = Wiring(routes={"smart": (Target("up", "big"),)}, providers=frozenset({"up"}))
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
CLASSED = TENANTS + "data_classes: [internal, secret]\n"


def files(access: str, *cards: str, tenants: str = TENANTS) -> dict[str, bytes]:
    texts = {"tenants.yaml": tenants, "access.yaml": access}
    texts |= {f"models/{name}.yaml": CARD.format(name=name, target=f"up/{name}") for name in cards}
    return {name: text.encode() for name, text in texts.items()}


SETS = [
    files(ALLOW, "small", "big"),
    files(DENY, "small", "big"),
    files(ALLOW, "small", tenants=TENANTS.replace("      - {id: team-b, name: B}\n", "")),
]


@pytest.fixture
def history(tmp_path: Path) -> PolicyHistory:
    made = PolicyHistory(tmp_path / "policy_history")
    for day, found in zip(DAYS, SETS, strict=True):
        made.append(found, actor="root", source="c0ffee", at_ns=moment_ns(day))
    return made


def asked(
    history: PolicyHistory, at: datetime, wiring: Wiring = WIRED, head: str = "", **fields: Any
) -> Mapping[str, Any]:
    request = ExplainRequest(**{"tenant": "acme", "team": "team-a", "model": "", "operation": "", **fields})
    at_ns = moment_ns(at)
    return answer(in_force_at(history, at_ns, wiring, head), request, at_ns)


def test_an_answer_is_what_was_decided_then_and_what_proves_it(history: PolicyHistory) -> None:
    first, second = (asked(history, day.replace(hour=12), model="big") for day in DAYS[:2])
    assert (first["decision"].allowed, first["decision"].rule_id) == (True, "all")
    assert (second["decision"].allowed, second["decision"].rule_id) == (False, "no-big")
    entry = history.entries()[1]
    assert second["policy"] == {
        "seq": 2, "activated_at": "2026-01-02T00:00:00.000000Z", "digest": entry.digest, "hash": entry.hash,
        "actor": "root", "source": "c0ffee",
    }  # fmt: skip
    assert second["policy_version"] == entry.digest[:16], "what records of calls of that time name"
    assert (second["proof"]["entries"], second["proof"]["head"]) == (3, history.head)
    assert second["operation"] == "chat"


def test_the_moment_of_a_change_belongs_to_what_comes(history: PolicyHistory) -> None:
    before = DAYS[1].replace(year=2026, month=1, day=1, hour=23, minute=59, second=59, microsecond=999_999)
    assert [asked(history, at, model="big")["decision"].allowed for at in (before, DAYS[1])] == [True, False]


def test_a_time_as_it_is_told_finds_what_it_was_told_of(tmp_path: Path) -> None:
    """Times are told to the microsecond, and taken down to the nanosecond."""
    made = PolicyHistory(tmp_path / "h")
    entries = [made.append(found, "root", "", moment_ns(DAYS[0]) + 1_000 * n + 789) for n, found in enumerate(SETS)]
    assert [in_force_at(made, at_text(iso(one.at)), WIRED).entry for one in entries] == entries
    last = "2026-01-01T23:59:59.999999Z"
    request = ExplainRequest(tenant="acme", team="team-a", model="small")
    until = ALLOW.replace("teams:", "until: 2026-01-01, teams:")
    made.append(files(until, "small"), "root", "", moment_ns(DAYS[0]) + 10_000)
    at_ns = at_text(last)
    told = answer(in_force_at(made, at_ns, WIRED), request, at_ns)
    assert (told["at"], told["decision"].allowed) == (last, True), "the day is not over yet"


def test_without_a_model_it_is_all_that_could_be_used(history: PolicyHistory) -> None:
    found = [[one["model"] for one in asked(history, day)["models"]] for day in DAYS]
    assert found == [["big", "small", "smart"], ["small"], ["small"]]
    assert asked(history, DAYS[0], team="team-b")["models"] == []
    assert asked(history, DAYS[0], operation="chat")["models"][0]["target"] == "up/big"


def test_a_team_that_was_not_declared_could_use_nothing(history: PolicyHistory) -> None:
    told = asked(history, DAYS[2], team="team-b", model="small")
    assert (told["decision"]["allowed"], told["decision"]["reason"]) == (False, "the team was not declared then")
    assert asked(history, DAYS[2], team="team-b")["models"] == []


def test_a_life_is_that_of_then(tmp_path: Path) -> None:
    made = PolicyHistory(tmp_path / "h")
    card = CARD.format(name="old", target="up/old").replace("on: 2020-01-01}", "on: 2020-01-01, until: 2026-01-10}")
    made.append({**files(ALLOW), "models/old.yaml": card.encode()}, "root", "", moment_ns(DAYS[0]))
    could = [asked(made, DAYS[0].replace(day=day), model="old")["decision"].allowed for day in (10, 11)]
    assert could == [True, False]


def test_a_label_raises_the_class_as_it_does_in_a_call(tmp_path: Path) -> None:
    made = PolicyHistory(tmp_path / "h")
    access = ALLOW.replace("]\n", ", {id: closed, effect: deny, owner: o, reason: r, data_classes: [secret]}]\n")
    made.append(files(access, "small", tenants=CLASSED), "root", "", moment_ns(DAYS[0]))
    labelled = asked(made, DAYS[1], model="small", labels={"data_class": "secret"})
    assert (labelled["decision"].allowed, labelled["decision"].rule_id) == (False, "closed")
    assert asked(made, DAYS[1], model="small")["decision"].allowed
    with pytest.raises(BadRequest, match="no data class"):
        asked(made, DAYS[1], model="small", data_class="unheard-of")


def test_nothing_is_known_before_the_first(history: PolicyHistory, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="it begins at 2026-01-01"):
        asked(history, datetime(2025, 12, 31, tzinfo=UTC), model="big")
    with pytest.raises(NotFound, match="when a gateway first serves"):
        asked(PolicyHistory(tmp_path / "none"), DAYS[0])


def test_a_history_that_was_touched_proves_nothing(history: PolicyHistory, tmp_path: Path) -> None:
    head = history.head
    assert asked(history, DAYS[0], head=head)["models"]
    chain = tmp_path / "policy_history" / "chain.jsonl"
    lines = chain.read_bytes().splitlines(keepends=True)
    chain.write_bytes(b"".join(lines[:2]))
    assert asked(history, DAYS[0])["models"], "an end that is cut off does not show by itself"
    with pytest.raises(Conflict, match="its end was cut off"):
        asked(history, DAYS[0], head=head)
    chain.write_bytes(lines[0].replace(b"root", b"toor") + lines[1])
    with pytest.raises(Conflict, match="has been altered"):
        asked(history, DAYS[1])
    chain.write_bytes(b"".join(lines))
    next(path for path in (tmp_path / "policy_history" / "objects").glob("*/*")).write_bytes(b"other")
    with pytest.raises(Conflict, match="has been altered"):
        asked(history, DAYS[2])


def test_what_config_yaml_says_today_is_not_held_against_what_was_then(tmp_path: Path) -> None:
    """A provider and a route may have gone since; the policies of then are read all the same."""
    made = PolicyHistory(tmp_path / "h")
    successor = "deprecated: {on: 2025-01-01, successor: gone-route}"
    card = CARD.format(name="old", target="gone/old").replace("life: {", "life: {" + successor + ", ")
    old = {**files(ALLOW), "models/old.yaml": card.encode()}
    made.append(old, "root", "", moment_ns(DAYS[0]))
    assert asked(made, DAYS[1], model="old")["decision"].allowed
    texts = {name: Text(name, data) for name, data in old.items()}
    with pytest.raises(DocumentError, match="gone"):
        parse_deciding(texts, WIRED)


def test_what_this_version_cannot_read_is_told(tmp_path: Path) -> None:
    made = PolicyHistory(tmp_path / "h")
    made.append({**files(ALLOW), "access.yaml": b"rules: []\ncolour: red\n"}, "root", "", moment_ns(DAYS[0]))
    with pytest.raises(Conflict, match=r"access\.yaml of entry 1:2: unknown key `colour`"):
        asked(made, DAYS[1])
    made.append({"tenants.yaml": TENANTS.encode()}, "root", "", moment_ns(DAYS[1]))
    with pytest.raises(Conflict, match=r"access\.yaml: is missing"):
        asked(made, DAYS[2])


def test_pages_go_from_the_newest_and_tell_what_changed(history: PolicyHistory) -> None:
    newest, middle = page(history, None, 2)
    assert [one.seq for one in page(history, middle.seq, 9)] == [1]
    assert (middle.added, middle.removed, middle.changed) == ((), (), ("access.yaml",))
    assert (newest.removed, newest.changed) == (("models/big.yaml",), ("access.yaml", "tenants.yaml"))
    (first,) = activations(history.entries()[:1])
    assert (first.files, len(first.added)) == (4, 4)


def test_the_deciding_part_decides_as_the_whole_set_does(tmp_path: Path) -> None:
    for name, data in {
        **SETS[1],
        "guardrails.yaml": b"guards: []",
        "limits.yaml": LIMITS.encode(),
        "prices.yaml": PRICES.encode(),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    texts = policy_texts(tmp_path)
    whole = parse_policies(texts, WIRED)
    names = deciding({name: text.data for name, text in texts.items()})
    part = parse_deciding({name: texts[name] for name in names}, WIRED)
    assert (part.digest, part.access.version, part.files) == (whole.digest, whole.access.version, names)
    assert part.catalogue == whole.catalogue


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999-12-31T23:59:59Z", "x" * 500, "9999-01-01"])
def test_a_time_that_is_none_or_lies_ahead_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        at_text(text)
    assert refused.value.param == "time"


def test_a_time_without_a_zone_is_of_utc() -> None:
    assert at_text("2026-01-02") == at_text("2026-01-02T01:00:00+01:00") == moment_ns(DAYS[1]) + 999
    assert iso(at_text("2026-01-02T03:04:05.000006Z")) == "2026-01-02T03:04:05.000006Z"
    assert iso(at_text("0001-01-01")) == "0001-01-01T00:00:00.000000Z"
