"""The page on live traffic: what it says first, that nothing in it is markup, and that a browser shows it."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live
from gateway.compare.reporting.live.page import live_page
from gateway.compare.reporting.sections import UNFAIR
from tests.compare.live_reported import FOUR, Arm, live_of, measures_of, stopped
from tests.compare.reporting.test_report_page import ATTACKS, TAGS, shown
from tests.pages.reading import Reading

TITLE = "gateway compare live"
MEASURES = measures_of()
BASE, BAD, ALIKE, GOOD = FOUR
WHY = "guard error_rate broken: +25.0 points"


@pytest.fixture(scope="module")
def found() -> Live:
    return stopped(live_of(FOUR, 6_000, MEASURES), BAD, WHY)


def hostile(found: Live, measures: tuple[Measure, ...], text: str) -> tuple[Live, tuple[Measure, ...]]:
    """The same with another's words wherever config, policies and callers choose them."""
    arms = {one.arm: text + one.arm for one in found.arms}
    metrics = {one.name: text + one.name for one in measures}
    named = tuple(
        msgspec.structs.replace(one, arm=arms[one.arm], stopped=text if one.stopped else "") for one in found.arms
    )
    differences = tuple(
        msgspec.structs.replace(
            one, base=arms[one.base], other=arms[one.other], metric=metrics[one.metric], said=text,
            guards=tuple(msgspec.structs.replace(guard, metric=metrics[guard.metric]) for guard in one.guards),
        )
        for one in found.differences
    )  # fmt: skip
    told = msgspec.structs.replace(
        found, route=text, metric=metrics[found.metric], arms=named, differences=differences, notes=(text, text),
        currency=text, unit=text, uncounted={text: 3}, best={arms[arm]: share for arm, share in found.best.items()},
    )  # fmt: skip
    return told, tuple(msgspec.structs.replace(one, name=metrics[one.name]) for one in measures)


def test_the_verdict_comes_first_then_what_it_rests_on(found: Live) -> None:
    text = live_page(found, MEASURES, TITLE)
    assert re.findall(r"<h2>([^<]*)</h2>", text) == ["Verdict", "Arms", "What counts, and what does not", UNFAIR]
    read = Reading(text).text
    worse, alike, good = found.differences
    assert (worse.word, alike.word, good.word) == ("worse", "inconclusive", "better")
    assert worse.interval is not None
    low, high = (f"−{abs(end) * 100:.1f}" for end in (worse.interval.low, worse.interval.high))
    size = f"{abs(worse.interval.estimate) * 100:.1f} points"
    assert (
        f"{BAD} is worse than {BASE}: its success is {size} lower (−{size}, {low} to {high} at 95 % confidence whenever "
        f"one looks, over {worse.pairs} differences; margin 2.0 points)."
    ) in read
    assert f"{GOOD} is better than {BASE}: its success is " in read
    assert f"It is not decided whether {ALIKE} is better or worse than {BASE} by success (" in read
    assert f"About {alike.more_pairs:,} more differences would decide it." in read
    assert "Calls from 01 November 2026, 02:26 UTC to 04 November 2026, 02:26 UTC" in read


def test_guards_say_whether_they_are_kept(found: Live) -> None:
    read = Reading(live_page(found, MEASURES, TITLE)).text
    worse, alike, _ = found.differences
    assert [one.state for one in worse.guards] == ["broken", "broken", "kept"]
    assert [one.state for one in alike.guards] == ["open", "kept", "kept"]
    change = worse.guards[1].change
    assert change is not None
    assert f"▼ guard broken latency: +{change * 100:.1f} %, +20.0 % allowed, over {worse.guards[1].pairs} diff" in read
    assert "● guard kept cost: " in read
    assert "○ guard not decided error_rate: " in read


def test_the_picture_has_the_zero_the_margin_and_every_arm(found: Live) -> None:
    text = live_page(found, MEASURES, TITLE)
    (plot,) = re.findall(r'<svg class="plot".*?</figure>', text, re.DOTALL)
    assert plot.count('<rect class="band"') == 1
    assert plot.count('<line class="zero"') == 1
    # A line and two caps each.
    assert plot.count('class="ci"') == 3 * 3
    names = re.findall(r'<text class="name(?: wide)?"[^>]*>([^<]*)<', plot)
    assert names == [BAD, ALIKE, GOOD]
    assert "Right of 0 is better. Shaded: differences of less than 2.0 points, the margin." in Reading(text).text


def test_figures_and_what_was_stopped_stand_in_the_text(found: Live) -> None:
    text = live_page(found, MEASURES, TITLE)
    read = Reading(text).text
    assert f"1 arm stopped, and gets no more calls.{BAD}: {WHY}" in read
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', text)
    for one, row in zip(found.arms, rows, strict=True):
        assert one.metric is not None
        assert one.latency_s is not None
        assert one.cost_per_thousand_nano is not None
        told = Reading(f"<p>{re.sub('</?t[hd][^>]*>', ' ', row)}</p>").text
        assert f"{one.arm}{' baseline' * (one.arm == BASE)}{'stopped' * (one.arm == BAD)} " in told
        assert f"{one.metric.estimate * 100:.1f} %" in told
        assert f" {one.calls:,} " in told
        assert f"{one.latency_s.p50:.2f} s{one.latency_s.p95:.2f} s" in told
        assert f"{one.cost_per_thousand_nano / 1e9:.2f}" in told
        assert "410 in95 out" in told
        assert f"of {one.rated:,}" in told
    for said in ("12 calls in no comparison: answered from the cache", *found.notes, "Each call counts by itself."):
        assert said in read


def test_times_are_told_as_a_part_of_the_bases_and_less_is_better() -> None:
    measures = measures_of("latency", ("error_rate",))
    found = live_of({"a": Arm(), "b": Arm(slower=1.6), "c": Arm(slower=0.5)}, 3_000, measures)
    slow, quick = found.differences
    assert (slow.word, quick.word) == ("worse", "better")
    assert slow.change is not None
    assert slow.base_mean is not None
    read = Reading(live_page(found, measures, TITLE)).text
    assert f"b is worse than a: its latency is {slow.change * 100:.1f} % higher (+{slow.change * 100:.1f} %, +" in read
    assert "c is better than a: its latency is " in read
    assert "margin 5.0 %" in read
    assert "Left of 0 is better." in read
    assert "What to do next. Take it out, if nobody has done so yet" in read


def test_what_no_die_chose_is_not_judged() -> None:
    found = live_of({"a": Arm(), "b": Arm(fails=0.5)}, 800, MEASURES, judged=False)
    read = Reading(live_page(found, MEASURES, TITLE)).text
    assert "Not judged" in read
    assert "Nothing is claimed of b against a by success (" in read
    assert not re.search(r"Worse|Better|guard broken|guard kept|What to do next", read)


def test_too_few_calls_and_none_at_all() -> None:
    few = live_of({"a": Arm(), "b": Arm()}, 30, MEASURES)
    assert 0 < few.differences[0].pairs < few.least
    assert "Nothing is claimed before 25 differences." in Reading(live_page(few, MEASURES, TITLE)).text
    none = live_of({"a": Arm(), "b": Arm()}, 0, MEASURES)
    read = Reading(live_page(none, MEASURES, TITLE)).text
    assert "There are no calls in this period." in read
    assert "Verdict" not in read
    one = live_of({"a": Arm(), "b": Arm()}, 1, MEASURES)
    assert "There is nothing yet to tell b from a by success." in Reading(live_page(one, MEASURES, TITLE)).text


def test_a_mirror_has_its_own_picture_and_nobody_is_told_to_take_it_out(found: Live) -> None:
    measures = MEASURES
    mirror = live_of({"primary": Arm(), "mirror big": Arm(fails=0.5)}, 2_000, measures)
    both = msgspec.structs.replace(
        found, arms=(*found.arms, mirror.arms[1]), differences=(*found.differences, *mirror.differences)
    )
    text = live_page(both, measures, TITLE)
    assert text.count('<svg class="plot"') == 2
    assert "Nobody gets its answers; leave it so." in Reading(text).text


def test_a_page_needs_nothing_else(found: Live) -> None:
    text = live_page(found, MEASURES, TITLE)
    assert not re.search(r"@import|url\(|<link|<img|<script", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"unsafe|script-src", policy[1])
    assert not re.search(r"\s(style|on\w+|src)=", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))


def test_nothing_that_anybody_wrote_is_markup(found: Live) -> None:
    for attack in ("".join(ATTACKS), *ATTACKS):
        read = Reading(live_page(*hostile(found, MEASURES, attack), attack))
        assert {tag for tag, _ in read.tags} <= TAGS - {"script", "form", "input", "button", "a"}
        names = {name for _, attributes in read.tags for name in attributes}
        assert not [name for name in names if name.startswith("on") or name in ("src", "style", "href", "action")]
        assert not re.search("[\x00\x1b\u202e\ud800]", read.text)
        # In the header, the reason, the notes and each arm's name.
        assert not attack.isprintable() or read.text.count(attack) > 10


def test_a_real_browser_runs_no_attack_and_lays_it_out(found: Live, tmp_path: Path) -> None:
    attack = "".join(one for one in ATTACKS if one != "\ud800")
    for told, measures in (hostile(found, MEASURES, attack), (found, MEASURES)):
        text = live_page(told, measures, TITLE)
        unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        probe = """<script>setTimeout(() => { document.title = [document.querySelectorAll("img,iframe,base,form,a").length,
          document.scripts.length, document.documentElement.scrollWidth].join(" ") }, 300)</script>"""
        dom = shown(tmp_path, unguarded.replace("</body>", f"{probe}</body>"))
        title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
        assert title is not None
        foreign, scripts, width = map(int, title[1].split())
        assert (foreign, scripts) == (0, 1)
        assert width <= 500
