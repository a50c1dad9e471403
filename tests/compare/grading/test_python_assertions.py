"""An organisation's own code, in a process of its own."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.compare.grading import Asked, Grade, Making, Outside, Sample, ask
from gateway.compare.grading.python.asserting import verdict_of
from gateway.compare.grading.python.process import Limits, run_python
from gateway.compare.grading.values import Wrong
from tests.compare.grading.making_checks import check, wrong

OUTSIDE = Outside(python=run_python())
ALLOWED = Making(python=True)
FILE = """
import dataclasses

@dataclasses.dataclass
class Result:
    pass_: bool
    score: float
    reason: str

def get_assert(output, context):
    return len(output) <= context["config"]["limit"]

def by_class(output, context):
    return Result(output == context["vars"]["expected"], 0.6, "by class")
"""


def reading(name: str) -> str:
    if name != "own.py":
        raise Wrong((), f"`{name}` cannot be read")
    return FILE


async def graded(value: str, output: str = "Hello", outside: Outside = OUTSIDE, **more: Any) -> Grade:
    making = Making(python=True, read=reading)
    asked = Asked(
        sample=Sample(text=output, latency_s=0.5),
        outside=outside,
        question="Say hello.",
        context={"vars": {"expected": "Hello"}},
    )
    return await ask(check(making, **{"type": "python", "value": value, **more}), asked)


@pytest.mark.parametrize(
    ("value", "more", "passed", "score"),
    [
        ("output == 'Hello'", {}, True, 1.0),
        ("output[1:3] == 'xx'", {}, False, 0.0),
        ("context['vars']['expected'] in output", {}, True, 1.0),
        ("context['prompt'] == 'Say hello.' and context['providerResponse']['latencyMs'] == 500", {}, True, 1.0),
        ("len(output) / 10", {}, True, 0.5),
        ("len(output) / 10", {"threshold": 0.6}, False, 0.5),
        ("0", {}, False, 0.0),
        ("math.log10(1000)", {}, True, 1.0),
        ("if output == 'Hello':\n    return {'pass': True, 'score': 0.5}\nreturn False", {}, True, 0.5),
        ("{'pass': True, 'score': 0.4, 'reason': 'meh'}", {"threshold": 0.5}, False, 0.4),
        ("file://own.py", {"config": {"limit": 10}}, True, 1.0),
        ("file://own.py", {"config": {"limit": 2}}, False, 0.0),
        ("file://own.py:by_class", {}, True, 0.6),
        ("output == 'Hello'  # a remark", {}, True, 1.0),
        ("print('noise') or True", {}, True, 1.0),
    ],
)
async def test_python_is_run_as_promptfoo_runs_it(value: str, more: dict[str, Any], passed: bool, score: float) -> None:
    grade = await graded(value, **more)
    assert (grade.passed, grade.score, grade.error) == (passed, pytest.approx(score), "")


async def test_not_turns_the_verdict_round_and_keeps_the_score() -> None:
    grade = await graded("len(output) / 10", type="not-python")
    assert (grade.passed, grade.score) == (False, 0.5)
    assert (await graded("1/0", type="not-python")).passed is False


async def test_named_scores_are_kept() -> None:
    grade = await graded("{'pass': True, 'score': 1, 'namedScores': {'tone': 0.5, 'bad': 'x'}}")
    assert grade.named == {"tone": (0.5, 1.0)}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("1/0", "python failed: ZeroDivisionError: division by zero"),
        ("open('/nowhere')", "python failed: FileNotFoundError"),
        ("context['nothing']", "python failed: KeyError"),
        ("None", "python returned `null`; an assertion returns"),
        ("'yes'", "python returned `yes`"),
        ("{'score': 1}", "without `pass`"),
        ("10**400", "a whole number of hundreds of digits"),
        ("{'pass': True, 'score': 10**400}", "a whole number of hundreds of digits"),
        ("{'pass': True, 'score': 1, 'namedScores': {'a': 10**400}}", "a whole number of hundreds of digits"),
        ("object()", "python failed: TypeError"),
        ("float('nan')", "without a result"),
        ("file://own.py:nothing", "there is no function `nothing`"),
        ("import sys; sys.exit(3)\nreturn True", "python failed: SystemExit"),
        ("import os; os._exit(3)\nreturn True", "ended without a result"),
        ("x = 'x' * 2_000_000\nreturn {'pass': True, 'score': 1, 'reason': x}", "more than 1000000 bytes"),
        ("b = bytearray(3 * 1024**3)\nreturn True", "python failed: MemoryError"),
    ],
)
async def test_code_that_fails_is_an_error_and_no_pass(value: str, error: str) -> None:
    grade = await graded(value)
    assert (grade.passed, grade.met) == (False, False)
    assert error in grade.error


async def test_code_that_does_not_end_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    left = tmp_path / "pid"
    left.touch()
    code = (
        "import subprocess, time\n"
        f"p = subprocess.Popen(['/bin/sleep', '60']); open({str(left)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(60)\nreturn True"
    )
    for patience_s in (0.7, 3.0, 15.0):  # on a busy machine it may not have got so far in less
        began = time.monotonic()
        grade = await graded(code, outside=Outside(python=run_python(Limits(timeout_s=patience_s))))
        assert f"did not end within {patience_s:g} seconds" in grade.error
        assert time.monotonic() - began < patience_s + 10
        if left.read_text():
            break
    pid = int(left.read_text())
    for _ in range(500):
        if not running(pid):
            break
        await asyncio.sleep(0.02)
    assert not running(pid), "what the code started is still there"


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_code_knows_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert (await graded("import os\nreturn 'UPSTREAM_KEY' not in os.environ and not os.listdir('.')")).passed


async def test_outputs_of_any_letters_arrive() -> None:
    text = "漢字 \x00 \u2028 \U0001f600 \" ' \\ \n"
    assert (await graded(f"output == {text!r}", text)).passed
    assert (await graded("len(output) == 3_000_000", "x" * 3_000_000)).passed
    grade = await graded("True", "\ud800")
    assert grade.error == "the answer is no text that can be sent"


async def test_a_run_that_is_cancelled_leaves_no_process() -> None:
    task = asyncio.create_task(graded("import time\ntime.sleep(60)\nreturn True"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_machine_without_room_for_a_process_is_an_error() -> None:
    async def full(*_: object) -> Any:
        raise BlockingIOError("no room for a process")

    grade = await graded("True", outside=Outside(python=full))
    assert (grade.passed, grade.error) == (False, "python cannot be run: no room for a process")


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ("output ==", ("value",), "is no Python"),
        ("return output", ("value",), "is no Python"),
        ("if x:\nreturn", ("value",), "is no Python"),
        ("", ("value",), "expected Python"),
        (3, ("value",), "expected Python"),
        ("file://own.py", ("value",), "no folder"),
    ],
)
def test_code_that_is_none_is_found_at_once(value: Any, path: tuple[str, ...], reason: str) -> None:
    found, said = wrong(ALLOWED, type="python", value=value)
    assert found == path
    assert reason in said


def test_code_is_refused_where_nobody_allowed_it() -> None:
    found, said = wrong(type="python", value="True")
    assert found == ("type",)
    assert "runs on the command line" in said


async def test_a_check_without_anybody_to_run_it_is_an_error() -> None:
    grade = await ask(check(ALLOWED, type="python", value="True"), Asked(sample=Sample(), outside=Outside()))
    assert grade.error == "python is not run here"


@pytest.mark.parametrize(
    ("returned", "threshold", "passed", "score"),
    [(True, None, True, 1), (False, None, False, 0), (0.3, None, True, 0.3), (-1, None, False, -1), (5, 6, False, 5), ({"pass_": True}, None, True, 1)],
)  # fmt: skip
def test_what_may_be_returned(returned: Any, threshold: float | None, passed: bool, score: float) -> None:
    verdict = verdict_of(returned, threshold)
    assert (verdict.passed, verdict.score) == (passed, score)
