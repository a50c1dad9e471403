"""cases.yaml: what it means, and each mistake with its line."""

from pathlib import Path
from typing import Any

import pytest

from gateway.compare.cases import Suite, read_suite
from gateway.compare.grading import Judge, look
from gateway.compare.grading.sample import Sample
from gateway.stores.documents import DocumentError, Text

JUDGED = "judges: {strict: {model: m}}\n"


def read(text: str, **more: Any) -> Suite:
    return read_suite(Text("cases.yaml", text.encode()), **more)


def refused(text: str, **more: Any) -> tuple[int, str]:
    with pytest.raises(DocumentError) as caught:
        read(text, **more)
    assert caught.value.file == "cases.yaml"
    return caught.value.line, caught.value.reason


SUITE = """
description: triage
margin: 0.02
cost_ceiling: 2.50
judges:
  strict: {model: judge-model, params: {seed: 1}}
rubrics:
  polite: is polite to {{name}}
defaultTest:
  vars: {locale: en, name: nobody}
  tags: [all]
  threshold: 0.9
  repeat: 3
  metadata: {owner: cx}
  assert:
    - {type: not-is-refusal}
tests:
  - description: stolen card
    vars: {message: "my card was stolen", name: Ann}
    tags: [cards, all]
    metadata: {severity: never-break, source: 7, level: 1.5}
    assert:
      - {type: contains, value: "{{name}}", weight: 2, metric: name}
      - {type: llm-rubric, rubric: polite}
  - messages:
      - {role: user, content: "what is {{this}}?"}
    repeat: 1
    threshold: 0
  - vars: {name: Bob}
    providerOutput: {content: hello, tool_calls: [{function: {name: f, arguments: {a: 1}}}]}
    human: 0.8
    options: {disableDefaultAsserts: true}
"""


def test_a_suite_in_full() -> None:
    suite = read(SUITE)
    assert (suite.description, suite.margin, suite.cost_ceiling_nano) == ("triage", 0.02, 2_500_000_000)
    assert suite.judges == {"strict": Judge(name="strict", model="judge-model", params={"seed": 1})}
    first, second, third = suite.cases
    assert (first.id, first.description, first.line) == ("tests[0]", "stolen card", 18)
    assert first.vars == {"locale": "en", "name": "Ann", "message": "my card was stolen"}
    assert first.tags == ("all", "cards")
    assert (first.threshold, first.repeat, first.severity, first.never_break, first.source) == (
        0.9,
        3,
        "never-break",
        True,
        "7",
    )
    assert first.metadata == {"owner": "cx", "severity": "never-break", "source": 7, "level": 1.5}
    assert [(check.kind, check.weight, check.metric) for check in first.checks] == [
        ("not-is-refusal", 1.0, ""),
        ("contains", 2.0, "name"),
        ("llm-rubric", 1.0, ""),
    ]
    assert look(first.checks[1], Sample(text="dear Ann")).met
    assert not first.at_once
    assert (second.repeat, second.threshold, second.never_break, second.source) == (1, 0.0, False, "")
    assert second.messages == ({"role": "user", "content": "what is {{this}}?"},), "a conversation is no template"
    assert second.at_once
    assert third.checks == ()
    assert third.human == 0.8
    assert third.output is not None
    assert (third.output.text, third.output.tool_calls[0].name, third.output.tool_calls[0].arguments) == (
        "hello",
        "f",
        '{"a":1}',
    )


def test_lists_of_texts_are_one_case_each_as_promptfoo_has_it() -> None:
    text = "tests: [{vars: {language: [fr, de], input: [a, b], n: [1, 2], one: [x]}, assert: [{type: contains, value: '{{language}} {{one}}'}]}]"
    suite = read(text)
    assert [case.id for case in suite.cases] == [f"tests[0].{number}" for number in (1, 2, 3, 4)]
    assert [(case.vars["language"], case.vars["input"]) for case in suite.cases] == [
        ("fr", "a"),
        ("fr", "b"),
        ("de", "a"),
        ("de", "b"),
    ]
    assert all(case.vars["n"] == [1, 2] and case.vars["one"] == "x" for case in suite.cases)
    assert look(suite.cases[3].checks[0], Sample(text="de x")).met
    kept = read("tests: [{vars: {language: [fr, de]}, options: {disableVarExpansion: true}}]")
    assert [(case.id, case.vars) for case in kept.cases] == [("tests[0]", {"language": ["fr", "de"]})]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("tests: []", 1, "an empty `tests`"),
        ("description: x", 1, "`tests` is missing; it is a list"),
        ("tests:\n  - {asert: []}", 2, "unknown key `asert`; did you mean `assert`"),
        ("tests:\n  - assert:\n      - {type: contain, value: x}", 3, "`contain` is not a word for this; did you mean `contains`"),
        ("tests:\n  - assert:\n      - {type: javascript, value: x}", 3, "it runs code in the process that grades"),
        ("tests:\n  - assert:\n      - type: contains\n        vlue: x", 4, "unknown key `vlue`; did you mean `value`"),
        ("tests:\n  - assert:\n      - type: regex\n        value: '('", 4, "not a pattern of RE2"),
        ("tests:\n  - assert:\n      - type: contains-all\n        value:\n          - a\n          - ''", 6, "expected a text that is not empty"),
        ("tests:\n  - assert:\n      - type: is-json\n        value:\n          type: objekt", 4, "the schema is none"),
        ("tests:\n  - assert:\n      - type: json-path\n        value:\n          path: $.a\n          equal: 1", 6, "did you mean `equals`"),
        ("tests:\n  - assert:\n      - type: contains\n        value: x\n        threshold: 0.5", 5, "takes no threshold"),
        ("tests:\n  - assert:\n      - type: contains\n        value: x\n        weight: -1", 5, "expected a number of at least 0"),
        ("tests:\n  - vars: {name: x}\n    assert:\n      - type: contains\n        value: '{{nme}}'", 5, "there is no `nme`; did you mean `name`"),
        ("tests:\n  - assert:\n      - type: assert-set\n        assert:\n          - {type: is-json}\n          - type: word-count\n            value: {mni: 3}", 7, "did you mean `min`"),
        ("defaultTest:\n  assert:\n    - {type: is-json}\n    - type: equals\ntests:\n  - {assert: [{type: is-json}]}", 4, "`equals` needs a `value`"),
        ("defaultTest:\n  assert:\n    - type: contains\n      value: '{{who}}'\ntests:\n  - {vars: {who: a}}\n  - {vars: {what: b}}", 4, "there is no `who`; known: what; variables are the case's `vars` (in tests[1])"),
        ("tests:\n  - assert:\n      - type: llm-rubric\n        value: kind", 3, "who judges?"),
        (JUDGED + "tests:\n  - assert:\n      - type: llm-rubric\n        value: kind\n        judge: strickt", 6, "did you mean `strict`"),
        (JUDGED + "rubrics: {polite: x}\ntests:\n  - assert:\n      - type: llm-rubric\n        rubric: polit", 6, "did you mean `polite`"),
        ("judges:\n  a:\n    model: m\n    prompt: hello {{answer}}\ntests: [{}]", 4, "there is no `{{answer}}` for a judge"),
        ("judges:\n  a:\n    model: m\n    prompt: hello {{first}}\ntests:\n  - assert:\n      - {type: llm-rubric, value: x}", 7, "has no `{{output}}` in it"),
        ("judges:\n  a:\n    model: m\n    params:\n      temperature: 1\ntests: [{}]", 5, "not for a judge to set"),
        ("judges:\n  a:\n    model: ''\ntests: [{}]", 3, "a name and a model"),
        ("tests:\n  - metadata:\n      severity: never-brake", 3, "did you mean `never-break`"),
        ("tests:\n  - metadata:\n      source: [a]", 3, "the group that the case belongs to"),
        ("tests:\n  - human: pass", 2, "write that into `providerOutput`"),
        ("tests:\n  - human: maybe\n    providerOutput: x", 2, "human"),
        ("tests:\n  - human: 2\n    providerOutput: x", 2, "human"),
        ("tests:\n  - providerOutput: {tool_calls: 3}", 2, "expected `tool_calls` to be a list"),
        ("tests:\n  - repeat: 0", 2, "repeat"),
        ("tests:\n  - threshold: 2", 2, "threshold"),
        ("margin: 1\ntests: [{}]", 1, "margin"),
        ("cost_ceiling: 0\ntests: [{}]", 1, "more than nothing"),
        ("cost_ceiling: 1e-12\ntests: [{}]", 1, "finer than a nano-unit"),
        ("tests:\n  - vars:\n      doc: file://doc.txt", 3, "no folder here"),
        ("tests:\n  - assert:\n      - type: equals\n        value: file://doc.txt", 4, "no folder here"),
        ("tests:\n  - assert:\n      - {type: python, value: 'True'}", 3, "runs on the command line"),
        ("tests:\n  - vars:\n" + "".join(f"      v{n}: [a, b, c, d, e, f, g, h, i, j]\n" for n in range(6)), 2, "1000000 cases of one test"),
        ("tests:\n  - &x {}\n  - *x", 2, "YAML anchor"),
        ("tests:\n  - assert:", 2, "`assert` has no value"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line(text: str, line: int, reason: str) -> None:
    found, said = refused(text)
    assert reason in said
    assert found == line


def test_a_judge_that_is_given_judges_where_the_file_names_nobody() -> None:
    text = "tests: [{assert: [{type: llm-rubric, value: kind}]}]"
    given = Judge(name="given", model="g")
    (case,) = read(text, judge=given).cases
    assert case.checks[0].by is not None
    assert case.checks[0].by.judge == "given"
    (case,) = read(JUDGED + text, judge=given).cases
    assert case.checks[0].by is not None
    assert case.checks[0].by.judge == "strict", "what the file says counts first"


def test_python_is_read_where_it_is_allowed() -> None:
    (case,) = read("tests: [{assert: [{type: python, value: len(output) < 5}]}]", python=True).cases
    assert case.checks[0].kind == "python"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "suite"
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "a.txt").write_text("Alpha\n")
    (home / "docs" / "b.txt").write_text("Beta")
    (home / "schema.json").write_text('{"type": "object", "required": ["a"]}')
    (home / "words.yaml").write_text("[x, y]")
    (home / "binary.png").write_bytes(b"\x89PNG\xff")
    (home / "own.py").write_text("def get_assert(output, context):\n    return True\n")
    (tmp_path / "secret.txt").write_text("secret")
    (home / "link.txt").symlink_to(tmp_path / "secret.txt")
    (home / "inside.txt").symlink_to(home / "docs" / "a.txt")
    return home


def in_folder(folder: Path, text: str, **more: Any) -> Suite:
    path = folder / "cases.yaml"
    path.write_text(text)
    return read_suite(path, **more)


def test_files_of_the_folder_are_read(folder: Path) -> None:
    suite = in_folder(
        folder,
        "tests: [{vars: {doc: file://docs/*.txt}, assert: [{type: is-json, value: file://schema.json}, {type: contains-any, value: file://words.yaml}, {type: contains, value: '{{doc}}'}]}]",
    )
    assert [case.vars["doc"] for case in suite.cases] == ["Alpha\n", "Beta"]
    grades = [look(check, Sample(text='{"a": "Beta x"}')).met for check in suite.cases[1].checks]
    assert grades == [True, True, True]
    assert in_folder(folder, "tests: [{vars: {doc: file://inside.txt}}]").cases[0].vars["doc"] == "Alpha\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file://../secret.txt", "not in this folder"),
        ("file:///etc/passwd", "not in this folder"),
        ("file://~/x", "not in this folder"),
        ("file://link.txt", "leads out of this folder"),
        ("file://docs/../../secret.txt", "not in this folder"),
        ("file://nothing.txt", "cannot be read"),
        ("file://docs", "cannot be read"),
        ("file://*.md", "no file is meant"),
        ("file://../*.txt", "not in this folder"),
        ("file://binary.png", "is no text"),
        ("file://own.py", "is code"),
        ("file://", "not in this folder"),
    ],
)
def test_no_other_file_is_read(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        in_folder(folder, f"tests:\n  - vars:\n      doc: {name}\n")
    assert (caught.value.line, reason in caught.value.reason) == (3, True), caught.value.reason


def test_what_is_asked_and_expected_is_what_the_digest_is_of(folder: Path) -> None:
    base = "tests: [{description: d, vars: {a: 1.0}, tags: [t], assert: [{type: contains, value: x}], metadata: {owner: o}}]"

    def digest(text: str, **more: Any) -> str:
        return in_folder(folder, text, **more).digest

    same = digest(base)
    assert same.startswith("sha256:")
    assert len(same) == 7 + 64
    for other in (
        base.replace("d,", "other,"),
        base.replace("[t]", "[u]"),
        base.replace("owner: o", "owner: p"),
        base.replace("1.0", "1"),
        "margin: 0.1\n" + base,
        base.replace("{type: contains, value: x}", "{value: x, type: contains}"),
    ):
        assert digest(other) == same, other
    for other in (
        base.replace("1.0", "2"),
        base.replace("value: x", "value: y"),
        base.replace("owner: o", "source: o"),
        base.replace("owner: o", "severity: never-break"),
        base.replace("tags: [t]", "repeat: 2"),
        base.replace("tags: [t]", "threshold: 0.5"),
        base.replace("value: x}", "value: x, weight: 2}"),
    ):
        assert digest(other) != same, other


def test_a_digest_is_of_judges_words_and_of_files_and_code(folder: Path) -> None:
    def digest(text: str, **more: Any) -> str:
        return in_folder(folder, text, **more).digest

    judged = "judges: {j: {model: m, prompt: 'grade {{output}}'}}\nrubrics: {r: kind}\ntests: [{assert: [{type: llm-rubric, rubric: r}]}]"
    digests = {
        digest(judged),
        digest(judged.replace("model: m", "model: n")),
        digest(judged.replace("grade", "judge")),
        digest(judged.replace("r: kind", "r: polite")),
    }
    assert len(digests) == 4
    assert digest(judged.replace("{j:", "{k:")) in digests, "what a judge is called does not matter"
    filed = "tests: [{assert: [{type: equals, value: file://docs/a.txt}]}]"
    coded = "tests: [{assert: [{type: python, value: file://own.py}]}]"
    before = digest(filed), digest(coded, python=True)
    (folder / "docs" / "a.txt").write_text("other")
    (folder / "own.py").write_text("def get_assert(output, context):\n    return False\n")
    after = digest(filed), digest(coded, python=True)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_large_file_is_read_soon() -> None:
    import time

    tests = "".join(
        f"  - {{vars: {{q: question {n}}}, assert: [{{type: contains, value: 'answer {n}'}}, {{type: not-is-refusal}}]}}\n"
        for n in range(2_000)
    )
    began = time.process_time()
    assert len(read("tests:\n" + tests).cases) == 2_000
    assert time.process_time() - began < 4
