"""The page: what it says first, that nothing in it is markup that a model wrote, and that a browser shows it."""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from gateway.compare.reporting.page import page
from gateway.compare.reporting.style import CSS
from gateway.compare.running.results import Results
from tests.compare.reported import results_of
from tests.pages.reading import Reading

TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "article", "header", "section", "footer", "nav", "div", "p", "h1",
    "h2", "h3", "h4", "b", "i", "em", "strong", "small", "code", "pre", "span", "bdi", "a", "ul", "li", "dl", "dt", "dd", "time",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details", "summary", "ins", "del", "br",
    "svg", "g", "rect", "line", "text", "path", "form", "fieldset", "legend", "label", "input", "select", "option", "button",
    "output", "script",
}  # fmt: skip
# What a model, a case or an upstream might say to become more than text.
ATTACKS = (
    "<script>document.title='pwned'</script>",
    "</script><script>document.title='pwned'</script>",
    "</pre></details></section><img src=x onerror=\"document.title='pwned'\">",
    "\"><svg/onload=document.title='pwned'>",
    "' onmouseover='document.title=1' autofocus onfocus='document.title=`pwned`",
    "</style><style>body{display:none}</style>",
    "<iframe src=javascript:parent.document.title='pwned'></iframe>",
    "<a href=\"javascript:document.title='pwned'\">x</a>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/><form action=https://evil.example/><input name=q>",
    "<!--", "]]>", "&lt;b&gt;", "&#60;script&#62;", "{{7*7}}", "${7*7}", "\u202egnp.exe", "\x1b[2J\x00", "<\x00script>", "\ud800",
    "<xmp>", "<plaintext>", "<textarea><title>", "<noscript><p title=\"</noscript><img src=x onerror=document.title='pwned'>\">",
)  # fmt: skip


@pytest.fixture(scope="module")
def compared() -> Results:
    return results_of(40, {"old": 0.6, "new": 0.97, "slow": 0.5}, judge=True)


@pytest.fixture(scope="module")
def judged() -> Results:
    return results_of(40, {"old": 0.9, "new": 0.5}, gates=True, base="old", never_break=(1, 2), limits={"cost": 0.2})


def hostile() -> Results:
    attack = "".join(ATTACKS[:-4])
    arm = attack.replace("\ud800", "")
    found = results_of(6, {arm: 0.5, "b" + arm: 0.9, "c": 0.4}, says="".join(ATTACKS))
    cases = tuple(
        msgspec.structs.replace(
            case,
            description=attack,
            tags=(attack, *ATTACKS),
            vars={attack: [attack, {"a": attack}], "b": attack},
            source=attack,
        )
        for case in found.cases
    )
    return msgspec.structs.replace(
        found, suite=attack, file=attack, id=attack, digest=attack, gateway=attack, notes=ATTACKS, cases=cases, currency=attack,
        stopped=attack,
    )  # fmt: skip


def test_the_verdict_comes_first_then_what_it_rests_on(compared: Results) -> None:
    read = Reading(page([compared], "gateway compare"))
    assert "new is better than old: " in read.text
    assert "points more of the cases pass (+" in read.text
    assert "margin 2.0" in read.text
    heads = ["Verdict", "What moved", "Arms", "Quality against cost", "What the judge preferred", "Cases"]
    found = re.findall(r"<h2>([^<]*)</h2>", page([compared], "gateway compare"))
    assert [one for one in found if one in heads] == heads


def test_figures_stand_in_the_text_too(compared: Results) -> None:
    read = Reading(page([compared], "gateway compare"))
    for one in compared.summaries:
        assert one.pass_rate is not None
        assert f"{one.pass_rate.estimate * 100:.1f} %" in read.text
    beaten = next(one for one in compared.summaries if one.dominated_by)
    assert f"no better than {beaten.dominated_by} in quality, cost or speed" in read.text
    (pair,) = (one for one in compared.contested if (one.one, one.other) == ("new", "old"))
    assert f"{pair.won}–{pair.lost}–{pair.tied}" in read.text
    assert f"{pair.lost}–{pair.won}–{pair.tied}" in read.text


def test_a_gate_that_fails_says_why_and_which_cases_broke(judged: Results) -> None:
    text = page([judged], "gateway prompts test")
    read = Reading(text)
    assert judged.judgements[0].gate == "failed"
    assert "gate failed" in read.text
    for case in judged.judgements[0].broken:
        assert f"{case} must never break, and did with new" in read.text
        at = [one.id for one in judged.cases].index(case)
        assert f'<a href="#case-0-{at}">' in text
        assert f'id="case-0-{at}"' in text
    assert "cost: the median grew by" in read.text


def test_every_link_leads_to_a_place_on_the_page(judged: Results) -> None:
    tags = Reading(page([judged, judged], "gateway prompts test")).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert links
    assert all(link is not None and link.startswith("#") and link[1:] in ids for link in links)


def test_words_that_changed_are_marked(compared: Results) -> None:
    text = page([compared], "gateway compare")
    assert re.search(r"says <del>old</del><ins>new</ins>&quot;}", text)


def test_a_page_needs_nothing_else(compared: Results) -> None:
    text = page([compared], "gateway compare")
    assert not re.search(r"@import|url\(|<link|<img", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "unsafe" not in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert not re.search(r"\s(style|on\w+|src)=", re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL))


def test_nothing_that_anybody_wrote_is_markup() -> None:
    read = Reading(page([hostile()], "".join(ATTACKS), json_file=ATTACKS[2]))
    assert {tag for tag, _ in read.tags} <= TAGS
    assert [tag for tag, _ in read.tags].count("script") == 1
    names = {name for _, attributes in read.tags for name in attributes}
    assert not [
        name for name in names if name.startswith("on") or name in ("src", "style", "action", "formaction", "srcdoc")
    ]
    assert all((attributes["href"] or "").startswith("#case-") for tag, attributes in read.tags if tag == "a")
    assert all(attack in read.text for attack in ATTACKS if attack.isprintable())
    assert not re.search("[\x00\x1b\u202e\ud800]", read.text)


def test_of_a_suite_that_is_too_large_the_rest_is_told_of() -> None:
    found = results_of(900, {"old": 0.9, "new": 0.93})
    text = page([found], "gateway compare", json_file="out/results.json")
    assert text.count('<details class="case"') == 400
    assert "400 of 900 cases are shown here." in text
    assert "All of them are in <bdi>out/results.json</bdi>." in text
    moved = {*found.differences[0].better, *found.differences[0].worse}
    assert len(moved) < 400
    for at, case in enumerate(found.cases):
        assert case.id not in moved or f'id="case-0-{at}"' in text
    assert "`--json FILE` writes all of them" in page([found], "gateway compare")
    assert len(text) < 3_000_000


def test_long_answers_are_cut_and_say_so() -> None:
    text = page([results_of(5, says="word " * 100_000)], "gateway compare")
    assert len(text) < 300_000
    assert "character" in text
    assert "more, in the JSON" in text


def test_nothing_to_test_and_a_run_without_a_base() -> None:
    assert "Nothing was tested" in Reading(page([], "gateway prompts test")).text
    alone = Reading(page([results_of(8, {"new": 0.5}, gates=True)], "gateway prompts test")).text
    assert "gate failed" in alone
    assert "there is no version to compare with" in alone
    assert "Failing: did not pass" in alone


def colours(*schemes: str) -> dict[str, str]:
    """Those in force where media queries that speak of these hold."""
    known: dict[str, str] = {}
    for media, block in re.findall(r"(?:@media ([^{]*)\{\s*)?:root \{([^}]*)\}", CSS):
        if not media or any(scheme in media for scheme in schemes):
            known |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", block))
    return known


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(one * 2 for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    ("ink", "ground"), ("ink", "card"), ("quiet", "ground"), ("quiet", "card"), ("bar", "ground"), ("bar", "card"), ("over", "card"),
    ("over", "ground"), ("warn", "card"), ("warn", "warn-ground"), ("ink", "warn-ground"), ("ink", "add"), ("ink", "gone"),
    ("quiet", "add"), ("quiet", "gone"), ("chip", "bar"), ("chip", "over"), ("ink", "bar-soft"), ("quiet", "bar-soft"),
]  # fmt: skip


@pytest.mark.parametrize("schemes", [(), ("dark",), ("print",), ("dark", "print")])
def test_colours_can_be_told_apart(schemes: tuple[str, ...]) -> None:
    """WCAG 2.2 AA: text stands out from its ground by 4.5 to 1."""
    known = colours(*schemes)
    found = {(one, other): contrast(known[one], known[other]) for one, other in PAIRS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


def browser() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def shown(folder: Path, text: str) -> str:
    """What stands on the page once a browser has run what it runs of it."""
    (folder / "page.html").write_text(text)
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=500,900",
        "--virtual-time-budget=2000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, f"--user-data-dir={folder / 'profile'}", f"file://{folder}/page.html"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_real_browser_runs_no_attack_even_without_the_policy(tmp_path: Path) -> None:
    text = page([hostile()], "gateway compare")
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert unguarded != text
    probe = "<script>setTimeout(() => { document.title += ` ${document.querySelectorAll('img,iframe,base,a[href^=java]').length} ${document.scripts.length}` }, 300)</script>"
    dom = shown(tmp_path, unguarded.replace("</body>", f"{probe}</body>"))
    title = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert title is not None
    assert title[1].endswith(" · gateway compare 0 2")
    assert dom.count("display:none}") == text.count("display:none}")


def test_a_real_browser_filters_and_lays_it_out(judged: Results, tmp_path: Path) -> None:
    """The policy lets the page's own script run, and nothing is wider than a telephone."""
    text = page([judged], "gateway prompts test")
    dom = shown(tmp_path, text)
    assert "40 of 40 shown" in dom
    assert '<form class="filters">' in dom
    probe = """<script>
      const form = document.querySelector("form"), seen = [], count = () => seen.push(document.querySelectorAll("details.case:not([hidden])").length);
      const say = () => form.dispatchEvent(new Event("input"));
      form.querySelector("[value=failed]").checked = true; say(); count();
      form.querySelector("[value=changed]").checked = true; say(); count();
      form.querySelector("[value=all]").checked = true; form.elements.tag.value = "fraud"; say(); count();
      form.elements.text.value = "CALL-new-13-0 case"; say(); count();
      document.querySelector("a[href^='#case-']").click();
      setTimeout(() => { seen.push(document.querySelectorAll("details.case[open]").length, document.documentElement.scrollWidth);
        document.title = seen.join(" "); }, 200);
    </script>"""
    open_ = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", f"{probe}</body>")
    title = re.search(r"<title>(.*?)</title>", shown(tmp_path, open_))
    assert title is not None
    failed, changed, fraud, found, opened, width = map(int, title[1].split())
    difference = judged.judgements[0].difference
    assert difference is not None
    assert failed == len({one.trial.case for one in judged.graded if not one.passed})
    assert changed == len({*difference.better, *difference.worse, *judged.judgements[0].broken})
    assert fraud == len([case for case in judged.cases if "fraud" in case.tags])
    assert found == 1
    assert opened == 1
    assert width <= 500
