"""Cases: what is asked, and what the answers must be. Read from `cases.yaml` beside a prompt, from suites, from lines
of JSON, and from promptfoo's configurations.

Must never: read a file outside the folder it was given, or leave an error in a case to be found by an answer.
"""

from gateway.compare.cases.document import Human, SuiteFile
from gateway.compare.cases.items import Item, items_digest, read_items
from gateway.compare.cases.loading import read_suite
from gateway.compare.cases.results import CaseGrade, grade, grade_together
from gateway.compare.cases.suite import Case, Suite

__all__ = [
    "Case",
    "CaseGrade",
    "Human",
    "Item",
    "Suite",
    "SuiteFile",
    "grade",
    "grade_together",
    "items_digest",
    "read_items",
    "read_suite",
]
