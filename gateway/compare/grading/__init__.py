"""What an answer is worth: assertions in promptfoo's words, judged by models where words cannot, and OpenAI's graders.

Must never: ask anybody but through the callables it is given, run code that its caller has not allowed, or make a pass
of what could not be graded.

Invariants:
* A grade is a pure function of the assertion and the answer, and of what the injected callables said.
* What cannot be meant (a value of the wrong kind, a pattern that is none) is refused when it is read, never when an
  answer is there.
* `not-x` passes where `x` fails; where `x` is an error, so is `not-x`.

The way of an assertion: `Assertion` (as written) → `make` → `Check` → `look`, or `ask` where somebody must be asked →
`Grade`; `combine` makes a case's result of several.
"""

from gateway.compare.grading.assertion import Assertion
from gateway.compare.grading.checks import Asked, Check
from gateway.compare.grading.combining import Outcome, combine
from gateway.compare.grading.grades import Grade, JudgedBy, Ungradable, Unmet, Verdict
from gateway.compare.grading.judging.judges import Answer, Judge, Outside
from gateway.compare.grading.making import Making, Wrong, make
from gateway.compare.grading.running import ask, look
from gateway.compare.grading.sample import Sample, ToolCall

__all__ = [
    "Answer",
    "Asked",
    "Assertion",
    "Check",
    "Grade",
    "Judge",
    "JudgedBy",
    "Making",
    "Outcome",
    "Outside",
    "Sample",
    "ToolCall",
    "Ungradable",
    "Unmet",
    "Verdict",
    "Wrong",
    "ask",
    "combine",
    "look",
    "make",
]
