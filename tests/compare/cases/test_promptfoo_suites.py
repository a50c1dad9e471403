"""promptfoo's suites, taken over; and what of them is told to be left out."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.cases.promptfoo import Imported, LeftOut, read_promptfoo
from gateway.compare.cases.promptfoo.shorthand import assertion_of
from gateway.compare.grading import Judge, Wrong, look
from gateway.compare.grading.sample import Sample
from gateway.stores.documents import DocumentError, Text

GIVEN = Judge(name="given", model="g")


def taken(text: str, **more: Any) -> Imported:
    return read_promptfoo(Text("promptfooconfig.yaml", text.encode()), **more)


def told(found: Imported) -> dict[str, str]:
    return {one.path: one.why for one in found.left_out}


CONFIG = """
# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
description: Translations
prompts: [file://prompt.txt]
providers: [openai:gpt-5]
evaluateOptions: {repeat: 2, maxConcurrency: 4}
derivedMetrics: [{name: x, value: a / b}]
assertionTemplates:
  short: {type: word-count, value: {max: 5}}
defaultTest:
  options: {provider: "openai:gpt-4.1-mini", transform: output.trim()}
  vars: {tone: polite}
  assert:
    - type: llm-rubric
      value: 'answers "{{question}}"'
tests:
  - description: capital
    vars: {question: What is the capital of France?}
    assert:
      - {type: contains, value: Paris}
      - {type: javascript, value: output.length < 10}
      - $ref: '#/assertionTemplates/short'
      - {type: contains, value: x, transform: output.toUpperCase()}
      - {type: contains, value: paris, transform: JSON.parse(output).city, weight: 2, metric: city}
    metadata: {severity: high, category: geo}
    provider: openai:gpt-4
  - vars: {question: Two?}
    assert:
      - {type: javascript, value: "true"}
  - vars: {other: x}
    threshold: 0.5
    assert:
      - type: assert-set
        threshold: 0.5
        assert: [{type: contains, value: a}, {type: cost, threshold: 0.01}]
  - vars: {question: [a, b]}
    options: {disableDefaultAsserts: true}
    assert: [{type: not-contains, value: "{{question}}"}]
"""


def test_a_configuration_in_full() -> None:
    found = taken(CONFIG)
    suite, reasons = found.suite, told(found)
    assert suite.description == "Translations"
    assert [case.id for case in suite.cases] == ["tests[0]", "tests[2]", "tests[3].1", "tests[3].2"]
    first, third, fourth, _ = suite.cases
    assert first.vars == {"tone": "polite", "question": "What is the capital of France?"}
    assert [(check.kind, check.weight, check.metric) for check in first.checks] == [
        ("llm-rubric", 1.0, ""),
        ("contains", 1.0, ""),
        ("word-count", 1.0, ""),
        ("contains", 2.0, "city"),
    ]
    assert first.checks[0].by is not None
    assert first.checks[0].by.model == "gpt-4.1-mini"
    assert suite.judges["openai:gpt-4.1-mini"].model == "gpt-4.1-mini"
    assert look(first.checks[3], Sample(text='{"city": "paris"}')).met
    assert (first.repeat, first.severity, first.metadata["category"], first.line) == (2, "", "geo", 17)
    assert [check.kind for check in third.checks] == ["assert-set"], "the default's rubric has no question here"
    assert third.threshold == 0.5
    assert [check.kind for check in fourth.checks] == ["not-contains"]
    assert not look(fourth.checks[0], Sample(text="a")).met
    assert set(reasons) == {
        "prompts", "providers", "derivedMetrics", "defaultTest.options.transform", "tests[0].provider", "tests[0].assert[1]",
        "tests[0].assert[3].transform", "tests[1]", "tests[1].assert[0]", "defaultTest.assert[0].value",
    }  # fmt: skip
    assert "runs code" in reasons["tests[0].assert[1]"]
    assert "no JSON path" in reasons["tests[0].assert[3].transform"]
    assert "it would pass whatever is answered" in reasons["tests[1]"]
    assert "there is no `question`" in reasons["defaultTest.assert[0].value"]
    lines = {one.path: one.line for one in found.left_out}
    assert (lines["prompts"], lines["tests[0].assert[1]"], lines["tests[1]"]) == (4, 21, 27)


def test_scenarios_are_every_test_with_every_set_of_values() -> None:
    found = taken("""
scenarios:
  - config:
      - vars: {language: Spanish, hello: Hola mundo}
        metadata: {set: es}
      - vars: {language: French, hello: Bonjour le monde}
    tests:
      - description: hello
        vars: {input: Hello world}
        assert: [{type: contains, value: '{{hello}}'}]
      - vars: {input: Good morning}
        assert: [{type: contains, value: '{{language}}'}]
""")
    assert [(case.vars["language"], case.vars["input"]) for case in found.suite.cases] == [
        ("Spanish", "Hello world"),
        ("Spanish", "Good morning"),
        ("French", "Hello world"),
        ("French", "Good morning"),
    ]
    assert look(found.suite.cases[0].checks[0], Sample(text="¡Hola mundo!")).met
    assert found.suite.cases[0].metadata == {"set": "es"}
    assert found.left_out == ()


CSV = """question,__expected,__expected2,__description,__metric,__threshold,__metadata:category,__metadata:tags[],__prefix,__config:__expected2:threshold,_expected
"What is 2+2?",4,contains: 4,sum,maths,0.5,arithmetic,"a,b\\,c",You must: ,,
"Capital, of France?",Paris,similar:Paris,,,,,,,0.9,
Joke?,grade:is funny,fn:output.length > 3,,,x,,,,,y
,,,,,,,,,,
"Two
lines",not-contains:error,"contains-any:a, b",,,,,,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "suite"
    (home / "more").mkdir(parents=True)
    (home / "tests.csv").write_text(CSV)
    (home / "more" / "a.yaml").write_text("- vars: {q: one}\n  assert: [{type: contains, value: x}]\n")
    (home / "more" / "b.json").write_text('[{"vars": {"q": "two"}, "assert": [{"type": "equals", "value": 2}]}]')
    (home / "lines.jsonl").write_text('{"vars": {"x": 5}, "assert": [{"type": "equals", "value": "8"}]}\n\n{broken\n')
    (home / "vars.yaml").write_text("q: from a file\n")
    (home / "default.yaml").write_text("assert: [{type: not-is-refusal}]\nvars: {z: 1}\n")
    (home / "schema.json").write_text('{"type": "object"}')
    (home / "tests.tsv").write_text("q\t__expected\na\tcontains:b\n")
    (home / "scenario.yaml").write_text("config: [{vars: {a: 1}}]\ntests: [{assert: [{type: is-json}]}]\n")
    (home / "generate.py").write_text("raise SystemExit")
    (tmp_path / "secret.yaml").write_text("- vars: {q: secret}\n")
    return home


def in_folder(folder: Path, text: str, **more: Any) -> Imported:
    path = folder / "promptfooconfig.yaml"
    path.write_text(text)
    return read_promptfoo(path, **more)


def test_tests_in_a_table(folder: Path) -> None:
    found = in_folder(folder, "tests: file://tests.csv", judge=GIVEN)
    assert [case.vars["question"] for case in found.suite.cases] == [
        "What is 2+2?",
        "Capital, of France?",
        "Joke?",
        "Two\nlines",
    ]
    first, second, third, last = found.suite.cases
    assert [(check.kind, check.metric) for check in first.checks] == [("equals", "maths"), ("contains", "maths")]
    assert (first.description, first.threshold, first.metadata) == (
        "sum",
        0.5,
        {"category": "arithmetic", "tags": ["a", "b,c"]},
    )
    assert look(first.checks[1], Sample(text="it is 4")).met
    assert [check.kind for check in second.checks] == ["equals", "similar"]
    assert [check.kind for check in third.checks] == ["llm-rubric"]
    assert [check.kind for check in last.checks] == ["not-contains", "contains-any"]
    reasons = {(one.path, one.line): one.why for one in found.left_out}
    assert "changes the prompt" in reasons["__prefix", 1]
    assert "JavaScript" in reasons["__expected2", 4]
    assert "is no number" in reasons["__threshold", 4]
    assert first.id == "tests.csv:row 2"


def test_tests_in_other_files(folder: Path) -> None:
    found = in_folder(
        folder,
        """
defaultTest: file://default.yaml
tests:
  - file://more/*
  - file://lines.jsonl
  - tests.tsv
  - vars: file://vars.yaml
    assert: [{type: is-json, value: file://schema.json}]
  - file://generate.py:create
  - file://../secret.yaml
  - https://example.com/sheet
  - {path: file://generate.py, config: {n: 1}}
  - file://nothing.csv
scenarios: [file://scenario.yaml]
""",
    )
    assert [case.id for case in found.suite.cases] == [
        "more/a.yaml:[0]", "more/b.json:[0]", "lines.jsonl:row 1", "tests.tsv:row 2", "tests[3]", "scenario.yaml:tests[0]",
    ]  # fmt: skip
    assert all(case.checks[0].kind == "not-is-refusal" and case.vars["z"] == 1 for case in found.suite.cases)
    assert found.suite.cases[4].vars["q"] == "from a file"
    reasons = told(found)
    assert "not in this folder" in reasons["tests[5]"]
    assert "is none of .yaml" in reasons["tests[4]"]
    assert "elsewhere" in reasons["tests[6]"]
    assert "a program makes" in reasons["tests[7]"]
    assert "cannot be read" in reasons["tests[8]"]
    assert "is no test" in reasons["row 3"]


def test_a_file_of_tests_alone_is_a_suite() -> None:
    found = taken("- vars: {q: one}\n  assert: [{type: contains, value: x}]\n")
    assert [case.id for case in found.suite.cases] == ["tests[0]"]


@pytest.mark.parametrize(
    ("assertion", "options", "judge"),
    [
        ("{type: llm-rubric, value: x}", "", GIVEN),
        (
            "{type: llm-rubric, value: x, provider: 'anthropic:messages:claude-x'}",
            "",
            Judge(name="anthropic:messages:claude-x", model="claude-x"),
        ),
        (
            "{type: g-eval, value: x}",
            "options: {provider: {id: 'openai:gpt-x', config: {temperature: 0.5, seed: 4}}}",
            Judge(name="openai:gpt-x", model="gpt-x", params={"seed": 4}),
        ),
        (
            "{type: factuality, value: x}",
            "options: {provider: {text: {id: 'openai:gpt-x'}}}",
            Judge(name="openai:gpt-x", model="gpt-x"),
        ),
    ],
)
def test_judges_are_those_that_the_suite_names(assertion: str, options: str, judge: Judge) -> None:
    found = taken(f"tests:\n  - vars: {{a: b}}\n    {options}\n    assert: [{assertion}]\n", judge=GIVEN)
    by = found.suite.cases[0].checks[0].by
    assert by is not None
    assert (by.judge, by.model) == (judge.name, judge.model)
    assert found.suite.judges.get(judge.name, GIVEN) == judge


def test_a_prompt_of_a_judge_is_taken_over_if_it_is_one_text() -> None:
    base = "tests: [{{assert: [{{type: llm-rubric, value: x, provider: 'o:m', rubricPrompt: {}}}]}}]"
    plain = taken(base.format("'Grade {{output}} by {{rubric}}'"))
    usual = taken(base.format('\'[{"role": "user"}]\''))
    ones = [found.suite.cases[0].checks[0].by for found in (plain, usual)]
    assert ones[0] != ones[1]
    assert plain.left_out == ()
    assert "only a prompt of one text" in told(usual)["tests[0].assert[0].rubricPrompt"]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("contains:Paris", {"type": "contains", "value": "Paris"}),
        ("contains: Paris", {"type": "contains", "value": "Paris"}),
        ("icontains-any:a,b", {"type": "icontains-any", "value": "a,b"}),
        ("not-contains:error", {"type": "not-contains", "value": "error"}),
        ("regex:^Hello.*world$", {"type": "regex", "value": "^Hello.*world$"}),
        ("is-json", {"type": "is-json"}),
        ('is-json:{"type": "object"}', {"type": "is-json", "value": {"type": "object"}}),
        ("similar(0.8):Hello there", {"type": "similar", "value": "Hello there", "threshold": 0.8}),
        ("similar:Hello there", {"type": "similar", "value": "Hello there", "threshold": 0.8}),
        ("grade:is kind", {"type": "grade", "value": "is kind"}),
        ("llm-rubric: is kind", {"type": "llm-rubric", "value": "is kind"}),
        ("levenshtein(5):expected text", {"type": "levenshtein", "value": "expected text", "threshold": 5.0}),
        ("latency(1000)", {"type": "latency", "threshold": 1000.0}),
        ("cost(0.01):", {"type": "cost", "threshold": 0.01}),
        ("starts-with(0.5):The answer", {"type": "starts-with", "value": "The answer"}),
        ("is-refusal:", {"type": "is-refusal"}),
        ("python:len(output) > 10", {"type": "python", "value": "len(output) > 10"}),
        ("file://check.py:mine", {"type": "python", "value": "file://check.py:mine"}),
        ("answer: 4", {"type": "equals", "value": "answer: 4"}),
        ("contains", {"type": "contains"}),
        ("javascript:output.length", {"type": "javascript", "value": "output.length"}),
        ("equals:a:b\nc", {"type": "equals", "value": "a:b\nc"}),
    ],
)
def test_assertions_as_one_text(text: str, made: dict[str, Any]) -> None:
    assert assertion_of(text) == made


@pytest.mark.parametrize("text", ["fn:output", "eval:1", "file://check.js", "is-json:{"])
def test_assertions_that_are_code_are_refused(text: str) -> None:
    with pytest.raises(Wrong):
        assertion_of(text)


@given(st.text(max_size=60))
def test_any_text_is_an_assertion_or_refused(text: str) -> None:
    try:
        assert "type" in assertion_of(text)
    except Wrong:
        pass


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prompts: [a]", "no case can be taken over (prompts: "),
        ("tests: []", "no case can be taken over"),
        ("tests: [{assert: [{type: javascript, value: x}]}]", "tests[0].assert[0]"),
        ("a: &x 1\nb: *x", "YAML anchor"),
        ("{", "is not valid YAML"),
        ("", "no case can be taken over"),
        ("tests: 3", "is no test"),
        ("scenarios: [3]", "is no scenario"),
        ("tests: [{vars: 3}]", "vars"),
        ("tests: [{vars: file://x.yaml}]", "no folder"),
        ("tests: [{assert: [3]}]", "expected an assertion"),
        ("tests: [{assert: [{$ref: '#/nowhere'}]}]", "assertionTemplates"),
        ("tests: [{threshold: high}]", "threshold"),
    ],
)
def test_a_suite_of_which_nothing_is_left_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        taken(text)
    assert reason in caught.value.reason


def test_each_thing_is_told_once() -> None:
    found = taken(
        "defaultTest: {assert: [{type: webhook, value: x}, {type: contains, value: '{{a}}'}]}\ntests: [{vars: {b: 1}}, {vars: {b: 2}}, {vars: {a: c}}]"
    )
    assert len(found.suite.cases) == 3
    assert found.left_out == (
        LeftOut("promptfooconfig.yaml", 1, "defaultTest.assert[0]", found.left_out[0].why),
        LeftOut("promptfooconfig.yaml", 1, "defaultTest.assert[1].value", found.left_out[1].why),
    )
    assert [len(case.checks) for case in found.suite.cases] == [0, 0, 1]


def test_python_is_taken_over_where_it_is_allowed(folder: Path) -> None:
    text = "tests: [{assert: [{type: python, value: len(output) > 3}]}]"
    assert in_folder(folder, text, python=True).suite.cases[0].checks[0].kind == "python"
    with pytest.raises(DocumentError, match="runs on the command line"):
        in_folder(folder, text)
