"""The comment on live traffic: the verdicts first, and whatever config says, nothing leaves its place."""

import re

import msgspec
import pytest
from hypothesis import given, settings

from gateway.compare.reporting.live.comment import live_comment
from tests.compare.live_reported import FOUR, Arm, live_of, measures_of, stopped
from tests.compare.reporting.live.test_live_page import hostile
from tests.compare.reporting.test_report_comment import LIMIT, TEXTS
from tests.pages.reading import rendered

TITLE = "gateway compare live"
MEASURES = measures_of()
BASE, BAD, *_ = FOUR
FOUND = stopped(live_of(FOUR, 3_000, MEASURES), BAD, "worse")


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_nothing_breaks_out_of_its_place(text: str) -> None:
    expected = rendered(live_comment(*hostile(FOUND, MEASURES, "plain"), TITLE))
    page = rendered(live_comment(*hostile(FOUND, MEASURES, text or "plain"), TITLE))
    assert page.tags == expected.tags
    assert page.comments == 1
    assert not re.search(r"[@#]\w", page.outside), "nobody is called, nothing is referred to"


def test_the_verdicts_are_the_first_thing_said() -> None:
    text = live_comment(FOUND, MEASURES, TITLE, "report.html")
    lines = text.splitlines()
    assert lines[0] == f"<!-- {TITLE} -->"
    assert lines[1] == "### Route `fast`, calls from 2026-11-01 02:26 to 2026-11-04 02:26 UTC"
    assert lines[3] == f"⚠️ **Stopped**: `{BAD}`: worse"
    assert lines[5].startswith("▼ **Worse, guard broken.** ")
    assert lines[-1] == "With pictures it is in `report.html`."
    outside = rendered(text).outside
    assert f"{BAD} is worse than {BASE}: its success is " in outside
    assert "guard broken: latency: +" in outside
    assert "12 calls in no comparison: answered from the cache" in outside
    (row,) = (line for line in lines if line.startswith(f"| `{BAD}` |"))
    assert row.endswith("| stopped |")


def test_a_prompt_and_an_empty_period() -> None:
    none = live_of({"1": Arm(), "2": Arm()}, 0, MEASURES)
    none = msgspec.structs.replace(none, route="", prompt="support/triage", unit="user")
    text = live_comment(none, MEASURES, TITLE)
    assert "### Prompt `support/triage`" in text
    assert "There are no calls in this period." in text
    assert "Users, and runs of whoever is not named, stay with their arm" in text


@pytest.mark.parametrize("text", ["plain", "|" * 3_000, "<" * 3_000])
def test_a_comment_is_never_longer_than_a_comment_may_be(text: str) -> None:
    found = live_of({f"arm{at}": Arm(fails=0.9 * (at > 0)) for at in range(120)}, 4_000, MEASURES)
    long = live_comment(*hostile(found, MEASURES, text), TITLE, "x" * 500)
    assert len(long) < LIMIT
    page = rendered(long)
    assert page.tags.count("/details") == sum(isinstance(tag, tuple) and tag[0] == "details" for tag in page.tags)
    assert "There is more than a comment holds" in page.outside
