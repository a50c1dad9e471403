"""Reading cases.yaml, and everything that is checked besides its shape."""

from pathlib import Path

import msgspec

from gateway.compare.cases.building import Builder
from gateway.compare.cases.digests import together
from gateway.compare.cases.document import Calibration, SuiteFile
from gateway.compare.cases.files import Folder
from gateway.compare.cases.judges import judges_of
from gateway.compare.cases.suite import Case, Suite
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.values import Wrong
from gateway.core import days
from gateway.core.money import nano_from_decimal
from gateway.stores.documents import Document, Text, load_document

MAX_CASES = 100_000


def read_suite(
    source: Path | Text, *, judge: Judge | None = None, python: bool = False, folder: Path | None = None
) -> Suite:
    """The cases in the file.

    Args:
        judge: who judges where the file names nobody.
        python: `python` assertions may be in it; only for who runs files of their own.
        folder: where `file://` names are looked for; that of `source` if it is a path, else there is none.

    Raises:
        DocumentError: as every document; and for an assertion that makes no sense, a variable, a judge or a file that
            there is none of, or more cases than can be meant.
    """
    document = load_document(source, SuiteFile)
    file = document.value
    home = folder or (source.parent if isinstance(source, Path) else None)
    ceiling = _ceiling(document)
    if not file.tests:
        raise document.error(("tests",), "an empty `tests`: nothing would be asked")
    cases: list[Case] = []
    try:
        judges = judges_of(file.judges)
        builder = Builder(
            default=file.default_test,
            judges=judges,
            rubrics=file.rubrics,
            judge=judge,
            python=python,
            folder=None if home is None else Folder(home),
        )
        for index, test in enumerate(file.tests):
            place = ("tests", index)
            cases += builder.cases(test, f"tests[{index}]", document.line(place), place)
            if len(cases) > MAX_CASES:
                raise Wrong(place, f"more than {MAX_CASES} cases")
    except Wrong as error:
        raise document.error(error.path, error.reason) from None
    return Suite(
        file=document.file,
        description=file.description,
        cases=tuple(cases),
        metric=file.metric,
        margin=file.margin,
        limits={name: share for name, share in msgspec.structs.asdict(file.limits).items() if share is not None},
        calibrated=_calibrated(document),
        cost_ceiling_nano=ceiling,
        judges=judges,
        digest=together(case.digest for case in cases),
    )


def _calibrated(document: Document[SuiteFile]) -> dict[str, Calibration]:
    found = {name: judge.calibrated for name, judge in document.value.judges.items() if judge.calibrated is not None}
    for name, one in found.items():
        try:
            days.begins(one.until or "2000-01-01")
        except ValueError as error:
            raise document.error(("judges", name, "calibrated", "until"), str(error)) from None
    return found


def _ceiling(document: Document[SuiteFile]) -> int | None:
    ceiling = document.value.cost_ceiling
    if ceiling is None:
        return None
    try:
        nano = nano_from_decimal(ceiling)
    except ValueError as error:
        raise document.error(("cost_ceiling",), str(error)) from None
    if nano <= 0:
        raise document.error(("cost_ceiling",), "must be more than nothing; leave it out for none")
    return nano
