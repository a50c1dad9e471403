"""Live traffic of known quality in a ledger of either kind: which arm each call counts for, and what is said of them."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from keeping import place_of
from ledger_parts import START_NS, Desk, closed_record
from sayings import said

from gateway.compare.live.results import Live, LiveArm, LiveDifference
from gateway.core.attempt import Attempt, Charge
from gateway.core.record import Record
from gateway.ledger.feedback.metrics import FeedbackOptions, MetricOptions
from gateway.ledger.live.reading import Subject
from gateway.livetraffic import Question, compared, measures_of
from gateway.router.loading import Routes, read_routes
from gateway.stores.documents import Text

KINDS = ("sqlite", "postgres")
WEIGHTED = "routes: {fast: {strategy: weighted, targets: [{target: p/a, weight: 2}, {target: p/b}]MORE}}"
FEEDBACK = FeedbackOptions(metrics={"stars": MetricOptions(kind="score", min=1, max=5)})
USER = ", sticky: {by: user}"


def routes(more: str = "", text: str = WEIGHTED) -> Routes:
    return read_routes(Text("routes.yaml", text.replace("MORE", more).encode()))


def sent(number: int, arm: str, **fields: Any) -> Record:
    """A call whose first attempt went to that target, and which that target answered."""
    cost = fields.get("cost_nano", 1_500)
    charge = Charge("input_tokens", 10, 1, 1, 1, cost, cost)
    own = Attempt(
        n=1, role="primary", served=True, target=arm, provider="p", outcome="completed", pricing="priced",
        charges=(charge,),
    )  # fmt: skip
    known = {"route": "fast", "target": arm, "duration_us": 1_000_000, "cost_nano": cost, "attempts": (own,)}
    return closed_record(number, **{**known, **fields})


def asked(
    desk: Desk, calls: list[Record], known: Routes, feedback: Any = (), metric: str = "success", guards: Any = (),
    margin: float | None = None, **more: Any,
) -> Live:  # fmt: skip
    for at in range(0, len(calls), 500):
        desk.store.commit(calls[at : at + 500], "w-1.jnl", at + 1, feedback if at + 500 >= len(calls) else ())
    given = {"subject": Subject(route="fast"), "since_ns": START_NS, "until_ns": START_NS + 10**16, **more}
    return compared(place_of(desk), Question(measures=measures_of(metric, margin, guards, FEEDBACK), **given), known)


def arm(found: Live, name: str) -> LiveArm:
    return next(one for one in found.arms if one.arm == name)


def only(found: Live) -> LiveDifference:
    (one,) = found.differences
    return one


def traffic(count: int, fails: dict[str, float], seed: int = 1, **fields: Any) -> list[Record]:
    die = random.Random(seed)
    calls: list[Record] = []
    for number in range(count):
        name = die.choices(list(fails), [2.0, *[1.0] * (len(fails) - 1)])[0]
        failed = die.random() < fails[name]
        ended = {"outcome": "failed", "blame": "upstream", "status": 500, "cost_nano": None, "pricing": "none"}
        calls.append(sent(number, name, **(ended if failed else {}), **fields))
    return calls


def test_an_arm_that_fails_more_is_worse_and_breaks_its_guard(desk: Desk) -> None:
    found = asked(desk, traffic(1_500, {"p/a": 0.05, "p/b": 0.25}), routes(), guards=[("error_rate", None)])
    one = only(found)
    assert (one.base, one.other, one.word, one.judged) == ("p/a", "p/b", "worse", True)
    assert one.interval is not None
    assert one.interval.low < -0.2 < one.interval.high < 0
    assert [(guard.metric, guard.state) for guard in one.guards] == [("error_rate", "broken")]
    assert one.p < 0.001
    assert (arm(found, "p/a").calls + arm(found, "p/b").calls, found.uncounted) == (1_500, {})
    assert "worse, success -" in one.said


def test_arms_alike_are_not_told_apart(desk: Desk) -> None:
    one = only(asked(desk, traffic(1_500, {"p/a": 0.05, "p/b": 0.05}), routes(), guards=[("latency", None)]))
    assert one.word in ("inconclusive", "equivalent")
    assert [guard.state for guard in one.guards] == ["kept"]


def test_a_call_counts_for_the_arm_that_the_die_chose_whoever_answered(desk: Desk) -> None:
    fell_back = [
        Attempt(n=1, role="primary", target="p/b", provider="p", outcome="failed"),
        Attempt(n=2, role="fallback", served=True, target="p/a", provider="p", outcome="completed"),
    ]
    passed_over = [Attempt(n=1, role="fallback", served=True, target="p/a", provider="p", outcome="completed")]
    judged = [Attempt(n=1, role="judge", target="p/b", provider="p", outcome="completed")]
    first = Attempt(n=2, role="primary", served=True, target="p/a", provider="p", outcome="completed")
    hedged = [
        Attempt(n=1, role="primary", target="p/b", provider="p", outcome="cancelled"),
        Attempt(n=2, role="hedge", served=True, target="p/a", provider="p", outcome="completed"),
    ]
    calls = [
        sent(1, "p/a", attempts=tuple(fell_back)),
        sent(2, "p/a", attempts=tuple(passed_over)),
        sent(3, "p/a", attempts=(*judged, first)),
        sent(4, "p/b"),
        sent(5, "p/a", attempts=tuple(hedged)),
        sent(6, "p/a", outcome="refused"),
        sent(7, "p/a", outcome="cancelled"),
        sent(8, "p/b", route="slow"),
        sent(9, "p/b", outcome="refused", blame="caller", status=400, error_code="upstream_status_400"),
    ]
    found = asked(desk, calls, routes())
    one, other = arm(found, "p/a"), arm(found, "p/b")
    assert (one.calls, one.completed, one.cancelled, one.elsewhere, one.success_rate) == (2, 1, 1, 0, 1.0)
    # What an arm's own target said no to speaks against that arm, though the caller may mend it.
    assert (other.calls, other.completed, other.failed, other.elsewhere) == (4, 3, 1, 1)
    assert other.success_rate == pytest.approx(2 / 4)
    assert sum(found.uncounted.values()) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("routes: {fast: {targets: [{target: p/a}, {target: p/b}]}}", "no die chooses"),
        ("routes: {}", "no such route"),
        (WEIGHTED.replace("MORE", ", sticky: {by: session}"), "of which no record tells"),
    ],
)
def test_what_no_die_chose_is_shown_and_not_judged(desk: Desk, text: str, why: str) -> None:
    found = asked(desk, traffic(900, {"p/a": 0.05, "p/b": 0.35}), routes(text=text), guards=[("error_rate", None)])
    one = only(found)
    assert (one.judged, one.word, [guard.state for guard in one.guards]) == (False, "inconclusive", ["open"])
    assert "not judged" in one.said
    assert any(why in note for note in found.notes)


def test_users_who_stay_count_once_each(desk: Desk) -> None:
    """Four users, hundreds of calls: nobody can tell whether it is the arm or the users."""

    def calls() -> Iterator[Record]:
        for number in range(1_200):
            user = number % 4
            ended = {"outcome": "failed", "status": 500} if user == 3 else {}
            yield sent(number, "p/a" if user < 2 else "p/b", user=f"u{user}", **ended)

    found = asked(desk, list(calls()), routes(USER))
    one = only(found)
    assert (one.word, one.pairs, found.unit) == ("inconclusive", 1, "user")
    assert arm(found, "p/b").success_rate == 0.5


def test_what_is_said_of_answers_decides_where_it_is_asked_for(desk: Desk) -> None:
    calls = traffic(600, {"p/a": 0.0, "p/b": 0.0})
    die = random.Random(3)
    up = {"p/a": 0.9, "p/b": 0.4}
    words = [said(n, "up" if die.random() < up[one.target] else "down") for n, one in enumerate(calls)]
    stars = [said(n, 5.0 if one.target == "p/b" else 3.0, 1, metric="stars") for n, one in enumerate(calls)]
    found = asked(desk, calls, routes(), [*words, *stars], metric="thumbs")
    assert only(found).word == "worse"
    assert (arm(found, "p/a").rated + arm(found, "p/b").rated) == 600
    thumbs = arm(found, "p/b").thumbs_up
    assert thumbs is not None
    assert abs(thumbs - 0.4) < 0.1
    again = compared(
        place_of(desk),
        Question(
            subject=Subject(route="fast"), since_ns=START_NS, until_ns=START_NS + 10**16,
            measures=measures_of("stars", None, [], FEEDBACK),
        ),
        routes(),
    )  # fmt: skip
    one = only(again)
    assert (one.word, one.interval and round(one.interval.estimate, 1)) == ("better", 2.0)


def test_times_and_costs_are_held_against_the_bases_own(desk: Desk) -> None:
    die = random.Random(5)
    calls = [
        msgspec.structs.replace(
            one,
            duration_us=int(1e6 * die.lognormvariate(0, 0.4) * (1.6 if one.target == "p/b" else 1.0)),
        )
        for one in traffic(2_400, {"p/a": 0.0, "p/b": 0.0})
    ]
    guards = [("latency", None), ("cost", None), ("ttft", None)]
    found = asked(desk, calls, routes(), guards=guards)
    one = only(found)
    assert {guard.metric: guard.state for guard in one.guards} == {"latency": "broken", "cost": "kept", "ttft": "open"}
    latency = next(guard for guard in one.guards if guard.metric == "latency")
    assert latency.change is not None
    assert abs(latency.change - 0.6) < 0.1
    assert arm(found, "p/a").cost_per_thousand_nano == 1_500_000
    middle = arm(found, "p/a").latency_s
    assert middle is not None
    assert abs(middle.p50 - 1.0) < 0.06


def test_mirrors_stand_beside_what_they_are_copies_of(desk: Desk) -> None:
    calls: list[Record] = []
    die = random.Random(2)
    for number in range(500):
        own = sent(2 * number, "p/a", duration_us=int(1e6 * die.lognormvariate(0, 0.5)))
        asked_too = Attempt(
            n=1, role="mirror", target="p/b", provider="p", outcome="completed", account="gateway:mirrors",
            pricing="priced", charges=(Charge("input_tokens", 10, 1, 1, 1, 3_000, 3_000),),
        )  # fmt: skip
        failed = die.random() < 0.3
        calls += [
            own,
            closed_record(
                2 * number + 1, route="fast", variant="mirror", model="big", client_request_id=own.id, target="",
                cost_nano=None, pricing="none", outcome="failed" if failed else "completed",
                duration_us=own.duration_us, attempts=() if failed else (asked_too,),
            ),
        ]  # fmt: skip
    text = "routes: {fast: {targets: [{target: p/a}], mirrors: [{model: big}]}}"
    found = asked(desk, calls, routes(text=text), guards=[("cost", 0.5), ("latency", None)])
    one = only(found)
    assert (one.base, one.other, one.word, one.pairs) == ("primary", "mirror big", "worse", 500)
    assert {guard.metric: guard.state for guard in one.guards} == {"cost": "broken", "latency": "kept"}
    assert arm(found, "mirror big").calls == 500
    assert arm(found, "p/a").calls == 500


def test_canaries_are_compared_by_their_sides(desk: Desk) -> None:
    text = "routes: {fast: {targets: [{target: p/a}], canary: {target: p/b, since: 2023-01-01}}}"
    calls = [
        msgspec.structs.replace(one, variant="canary" if one.target == "p/b" else "stable")
        for one in traffic(1_500, {"p/a": 0.02, "p/b": 0.3})
    ]
    one = only(asked(desk, calls, routes(text=text)))
    assert (one.base, one.other, one.word) == ("stable", "canary", "worse")


def test_versions_of_a_prompt_are_arms(desk: Desk) -> None:
    calls = [
        msgspec.structs.replace(
            one, prompt_id=f"support/triage@{2 if one.target == 'p/b' else 1}", prompt_label="production"
        )
        for one in traffic(1_500, {"p/a": 0.3, "p/b": 0.02})
    ]
    label = {"prompt_label": "production"}
    others = ("support/triage2@7", "support/tri@9")
    calls += [sent(5_000 + n, "p/a", prompt_id=name, **label) for n, name in enumerate(others)]
    calls += [sent(6_000, "p/a", prompt_id="support/triage@1", cache="exact", **label)]
    # Whoever names a version has not left it to chance.
    calls += [sent(6_001 + n, "p/a", prompt_id="support/triage@3") for n in range(50)]
    found = asked(desk, calls, routes(), subject=Subject(prompt="support/triage", label="production"))
    assert {one.arm for one in found.arms} == {"1", "2"}
    one = only(found)
    assert (one.base, one.other, one.word) == ("1", "2", "better")
    assert found.uncounted == {"answered from the cache": 1}


def test_an_empty_ledger_and_an_unknown_arm_are_said(desk: Desk) -> None:
    assert not any(one.calls for one in asked(desk, [], routes()).arms)
    with pytest.raises(ValueError, match=r"there is no arm `p/z`; did you mean `p/[ab]`"):
        asked(desk, [sent(1, "p/a")], routes(), base="p/z")
    with pytest.raises(ValueError, match="there is no metric `latncy`; did you mean `latency`"):
        measures_of("latncy", None, [], FEEDBACK)
    with pytest.raises(ValueError, match="`cost` is there twice"):
        measures_of("cost", None, [("cost", 0.1)], FEEDBACK)
