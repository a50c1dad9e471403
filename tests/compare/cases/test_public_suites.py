"""Public suites: read out of packages that are installed, asked and graded as any file of cases is."""

import asyncio
import gzip
import json
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from gateway.compare.cases import grade, read_suite
from gateway.compare.cases.public import human_eval, mmlu
from gateway.compare.cases.public.packages import NoSuite, package_file
from gateway.compare.cases.public.suites import SUITES, public_suite
from gateway.compare.grading import Outside, Sample
from gateway.compare.grading.python.process import run_python
from gateway.stores.documents import Text

MMLU = {
    "anatomy": "The following are multiple choice questions (with answers) about anatomy.\n\n"
    "Q: Which of these is a bone?\n(A) heart (B) femur (C) a muscle (D) liver\n"
    "A: Let's think step by step. The femur is a bone.\n\nIt is in the leg. The answer is (B).\n\n"
    "Q: What is $\x0crac{1}{2}$ of ten?\nOf ten.\n(A) 5 (B) 4 (C) 6 (D) 24 (E) 8\n"
    "A: Let's think step by step. The answer is (A).\n\n"
    "Q: What is $\x0crac{1}{2}$ of\nten?\n(A) 5 (B) 4 (C) 6 (D) 24\nA: Let's think step by step. The answer is (A).\n\n",
}


@pytest.fixture(scope="module")
def tasks() -> list[dict[str, str]]:
    """The package's own, with its own solutions."""
    suite = SUITES["human-eval"]
    data = package_file(suite.package, suite.file, suite.install).data
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def test_human_eval_is_read_with_its_licence() -> None:
    read = public_suite("public:human-eval")
    assert read.runs_code
    assert read.told.startswith("HumanEval: 164 functions to write, graded by their tests; out of human-eval 1.")
    assert read.told.endswith("MIT, OpenAI")
    suite = read_suite(read.text, python=True)
    assert len(suite.cases) == 164
    assert suite.cases[0].description == "HumanEval/0 has_close_elements"
    assert [case.line for case in suite.cases[:3]] == [2, 3, 4]
    assert "def has_close_elements" in suite.cases[0].messages[0]["content"]
    assert "check(candidate)" not in suite.cases[0].messages[0]["content"]


def graded(numbers: list[int], answers: list[str]) -> list[tuple[bool, str]]:
    suite = read_suite(public_suite("public:human-eval").text, python=True)

    async def all_of_them() -> list[tuple[bool, str]]:
        outside = Outside(python=run_python())
        found = await asyncio.gather(
            *(grade(suite.cases[at], Sample(text=text), outside) for at, text in zip(numbers, answers, strict=True))
        )
        return [(one.passed, one.reason) for one in found]

    return asyncio.run(all_of_them())


def test_the_suites_own_solutions_pass_however_they_are_written_down(tasks: list[dict[str, str]]) -> None:
    numbers = [0, 1, 32, 38]  # 32 and 38 need what stands before the function
    whole = [
        f"Here it is:\n```python\n{tasks[at]['prompt']}{tasks[at]['canonical_solution']}```\nIt is easy."
        for at in numbers
    ]
    bodies = [tasks[at]["canonical_solution"] for at in numbers]
    short = f"```python\ndef {tasks[0]['entry_point']}(numbers, threshold):\n    return any(abs(a - b) < threshold for i, a in enumerate(numbers) for b in numbers[:i])\n```"
    found = graded([*numbers, *numbers, 0], [*whole, *bodies, short])
    assert [passed for passed, _ in found] == [True] * 9


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            "```python\ndef has_close_elements(numbers, threshold):\n    return True\n```",
            "the tests fail: AssertionError",
        ),
        ("I cannot do that.", "the tests fail: SyntaxError"),
        ("```python\nraise SystemExit\ndef has_close_elements(a, b): pass\n```", "the tests fail: SystemExit"),
        ("", "the tests fail: AssertionError"),
    ],
)
def test_wrong_answers_fail_with_a_reason(answer: str, says: str) -> None:
    ((passed, reason),) = graded([0], [answer])
    assert not passed
    assert says in reason


def mmlu_suite(subjects: dict[str, str] = MMLU):
    tests = list(mmlu.tests_of(json.dumps(subjects).encode()))
    return read_suite(Text("public:mmlu-dev", json.dumps({"tests": tests}).encode()))


def test_questions_of_mmlu_are_told_from_their_reasons() -> None:
    suite = mmlu_suite()
    assert [case.description for case in suite.cases] == ["anatomy 0", "anatomy 2"]
    asked = suite.cases[1].messages[0]["content"]
    assert asked.startswith("What is $\\frac{1}{2}$ of\nten?\n(A) 5\n(B) 4\n(C) 6\n(D) 24\n\n")
    assert "step by step" not in asked
    assert suite.cases[0].tags == ("anatomy",)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("B", True), ("(B)", True), ("B.", True), ("**B**", True), ("The answer is B.", True), ("Answer: (B) femur", True),
        ("B) femur", True), (" b", False), ("A", False), ("C. a muscle", False), ("Bones are hard", False), ("B is wrong", False),
        ("The correct answer is (B)", True), ("I think A, not B", False), ("", False),
    ],
)  # fmt: skip
def test_one_letter_is_the_answer(answer: str, passes: bool) -> None:
    case = mmlu_suite().cases[0]
    assert asyncio.run(grade(case, Sample(text=answer), Outside())).passed == passes


def test_mmlu_as_the_package_has_it() -> None:
    try:
        distribution("lm-eval")
    except PackageNotFoundError:
        pytest.skip("lm-eval is not installed")
    suite = read_suite(public_suite("public:mmlu-dev").text)
    assert len(suite.cases) > 250
    assert len({case.tags for case in suite.cases}) == 57


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where a package of the name `some-package` is installed, without its data."""
    info = tmp_path / "some_package-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-package\nVersion: 2.0\n")
    (info / "RECORD").write_text("some_package/gone.json,,\nsome_package/data.json,,\n")
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "data.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    assert "some_package" not in sys.modules


def test_what_is_not_there_says_how_to_have_it(installed: Path) -> None:
    assert package_file("some-package", "some_package/data.json", "pip install x").data == b"{}"
    with pytest.raises(NoSuite, match="which is not installed: pip install x"):
        package_file("no-such-package", "data.json", "pip install x")
    for missing in ("other.json", "gone.json"):
        with pytest.raises(
            NoSuite, match=f"some-package 2.0 has no {missing}; install the version that does: pip install x"
        ):
            package_file("some-package", missing, "pip install x")
    with pytest.raises(NoSuite, match="did you mean `public:human-eval`"):
        public_suite("public:humaneval")


@pytest.mark.parametrize(
    "data", [b"{}", b"[1]", gzip.compress(b"[]", mtime=0), gzip.compress(b'{"task_id": 1}', mtime=0), b"\x1f\x8b"]
)
def test_data_of_another_form_are_no_traceback(data: bytes) -> None:
    for tests_of in (human_eval.tests_of, mmlu.tests_of):
        if data == b"{}" and tests_of is mmlu.tests_of:
            continue  # no subject at all
        with pytest.raises(NoSuite, match="its data have another form"):
            list(tests_of(data))
