"""promptfoo's suites, taken over: tests inline and from files, `defaultTest`, `scenarios`, CSV.

What cannot be taken over is told, each with its place and the reason: an assertion that is quietly left out is a test
that quietly passes. Files are read from the suite's own folder alone, and no code of a suite is run.
"""

from gateway.compare.cases.promptfoo.reading import Imported, read_promptfoo
from gateway.compare.cases.promptfoo.telling import LeftOut

__all__ = ["Imported", "LeftOut", "read_promptfoo"]
