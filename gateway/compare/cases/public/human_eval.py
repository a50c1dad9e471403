"""HumanEval (Chen et al. 2021, https://arxiv.org/abs/2107.03374): functions to write by their docstring, with tests.

To grade an answer is to run what a model wrote.
"""

import gzip
import zlib
from collections.abc import Iterator
from string import Template
from typing import Any

import msgspec

from gateway.compare.cases.public.packages import NoSuite

_ASKED = "Complete this function. Answer with the whole function in one block of Python, and nothing else."

# What an assertion runs: the answer's code behind the stub that was asked for, and the task's own tests. It is the body
# of a function, as all Python of an assertion is.
_GRADE = r"""
import re
entry, stub, tests = $entry, $stub, $tests
blocks = re.findall(r"```(?:[Pp]ython|py)?[^\S\n]*\n(.*?)```", output, re.DOTALL)
code = max(blocks, key=len) if blocks else output
whole = re.search(r"^\s*def\s+" + entry + r"\b", code, re.MULTILINE)
source = stub + "    pass\n\n" + code if whole else stub + code
names = {"__name__": "answer"}
try:
    exec(compile(source + "\n" + tests, "answer", "exec"), names)
    names["check"](names[entry])
except BaseException as error:
    said = (": " + str(error)[:300]) if str(error) else ""
    return {"pass": False, "score": 0, "reason": "the tests fail: " + type(error).__name__ + said}
return {"pass": True, "score": 1, "reason": "all tests pass"}
"""


class Task(msgspec.Struct):
    """One line of the package's file."""

    task_id: str
    prompt: str
    entry_point: str
    test: str


def tests_of(data: bytes) -> Iterator[dict[str, Any]]:
    """Tests, as a file of cases has them. `data`: JSON lines, packed with gzip.

    Raises:
        NoSuite: the data have another form.
    """
    try:
        lines = gzip.decompress(data).splitlines()
        tasks = [msgspec.json.decode(line, type=Task) for line in lines if line.strip()]
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise NoSuite(f"its data have another form: {error}") from None
    for task in tasks:
        code = Template(_GRADE).substitute(entry=repr(task.entry_point), stub=repr(task.prompt), tests=repr(task.test))
        yield {
            "description": f"{task.task_id} {task.entry_point}",
            "messages": [{"role": "user", "content": f"{_ASKED}\n\n```python\n{task.prompt.rstrip()}\n```"}],
            "assert": [{"type": "python", "value": code}],
        }
