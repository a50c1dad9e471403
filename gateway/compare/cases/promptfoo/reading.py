"""Reading a suite of promptfoo's."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.compare.cases.building import Builder
from gateway.compare.cases.digests import together
from gateway.compare.cases.document import CaseDocument
from gateway.compare.cases.files import Folder
from gateway.compare.cases.promptfoo.drafting import Draft, Drafting, as_options
from gateway.compare.cases.promptfoo.graders import Graders
from gateway.compare.cases.promptfoo.telling import LeftOut, Place, Telling
from gateway.compare.cases.promptfoo.tests import Finder
from gateway.compare.cases.suite import Case, Suite
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.values import Wrong
from gateway.stores.documents import Text, read_text
from gateway.stores.jsonvalues import as_json
from gateway.stores.yamltree import DocumentError, build

_SUITE = ("description", "tests", "defaultTest", "scenarios", "assertionTemplates", "evaluateOptions")
_ELSEWHERE = "what is asked is said when the cases are run"
_CODE = "code of a suite is not run"
_WHY: Mapping[str, str] = {
    "prompts": "prompts are the gateway's own; which, is said when the cases are run",
    "providers": _ELSEWHERE,
    "targets": _ELSEWHERE,
    "env": "no environment is read from a suite",
    "derivedMetrics": "figures out of other figures are not computed here",
    "extensions": _CODE,
    "nunjucksFilters": _CODE,
}
MAX_REPEAT = 1_000


class Imported(msgspec.Struct, frozen=True):
    """A suite, and what of it was not taken over."""

    suite: Suite
    left_out: tuple[LeftOut, ...]


def read_promptfoo(
    source: Path | Text, *, judge: Judge | None = None, python: bool = False, folder: Path | None = None
) -> Imported:
    """The cases of a configuration of promptfoo's, or of a file of tests (YAML, JSON).

    Args:
        judge: who judges where the suite names nobody. python: `python` assertions may run.
        folder: where files are looked for; that of `source` if it is a path.

    Raises:
        DocumentError: it cannot be read at all, or no case is left of it.
    """
    text = read_text(source) if isinstance(source, Path) else source
    home = folder or (source.parent if isinstance(source, Path) else None)
    plain, lines = build(text.data, text.name)
    tree: Any = as_json(plain)
    whole: dict[str, Any] = cast(dict[str, Any], tree) if isinstance(tree, dict) else {"tests": tree}
    reader = _Reader(whole, Place(text.name, lines=lines), None if home is None else Folder(home), judge, python)
    cases = list(reader.cases())
    left_out = tuple(reader.telling.left_out)
    if not cases:
        told = "; ".join(f"{one.path}: {one.why}" for one in left_out[:3])
        raise DocumentError(text.name, 0, f"no case can be taken over{f' ({told})' if told else ''}")
    suite = Suite(
        file=text.name,
        description=str(whole.get("description", "")),
        cases=tuple(cases),
        judges=dict(reader.graders.judges),
        digest=together(case.digest for case in cases),
    )
    return Imported(suite, left_out)


class _Reader:
    """One suite on its way."""

    def __init__(
        self, whole: dict[str, Any], place: Place, folder: Folder | None, judge: Judge | None, python: bool
    ) -> None:
        self.telling = Telling()
        self.graders = Graders(self.telling)
        # A file of tests alone is a list, and has no keys.
        self._suite = self.telling.keep(whole, _SUITE, place, _WHY)
        self._place = place
        self._finder = Finder(folder, self.telling)
        templates = as_options(self._suite.get("assertionTemplates"))
        self._drafting = Drafting(self.telling, self.graders, folder, templates)
        self._options: Mapping[str, Any] = {}
        self._default = self._read_default()
        self._builder = Builder(
            default=self._default.document,
            judges=self.graders.judges,
            judge=judge,
            python=python,
            folder=folder,
            strict=False,
        )

    def cases(self) -> Iterator[Case]:
        for test, place in self._tests():
            try:
                draft = self._drafting.draft(test, place, self._options)
            except Wrong as error:
                self.telling.note(place.within(*error.path), error.reason)
                continue
            yield from self._cases_of(draft, place)

    def _tests(self) -> Iterator[tuple[dict[str, Any], Place]]:
        if "tests" in self._suite:
            yield from self._finder.tests(self._suite["tests"], self._place.within("tests"))
        if "scenarios" in self._suite:
            yield from self._finder.scenarios(self._suite["scenarios"], self._place.within("scenarios"))

    def _read_default(self) -> Draft:
        place, found = self._place.within("defaultTest"), Draft(CaseDocument())
        if "defaultTest" in self._suite:
            try:
                value, place = self._finder.tree(self._suite["defaultTest"], place)
                self._options = as_options(value.get("options"))
                found = self._drafting.draft(value, place, {})
            except Wrong as error:
                self.telling.note(place.within(*error.path), error.reason)
        repeat = as_options(self._suite.get("evaluateOptions")).get("repeat")
        if isinstance(repeat, int) and 1 <= repeat <= MAX_REPEAT:
            document = msgspec.structs.replace(found.document, repeat=repeat)
            found = msgspec.structs.replace(found, document=document)
        return found

    def _cases_of(self, draft: Draft, place: Place) -> list[Case]:
        """The test's cases, without the assertions that make no sense here. If it had some of its own and none is
        left, it is left out: it would pass whatever is answered."""
        inherits = not (
            draft.document.options.disable_default_asserts or self._default.document.options.disable_default_asserts
        )
        asserts = [*(self._default.asserts if inherits else ()), *draft.asserts]
        own = len(asserts) - len(draft.asserts)
        while True:
            if draft.asserted and len(asserts) == own:
                self.telling.note(place, "none of its assertions can be taken over; it would pass whatever is answered")
                return []
            document = msgspec.structs.replace(draft.document, asserts=tuple(one for one, _ in asserts))
            try:
                return self._builder.cases(document, self._id(place), place.line, ())
            except Wrong as error:
                match error.path:
                    case ("assert", int() as index, *rest):
                        self.telling.note(asserts[index][1].within(*rest), error.reason)
                        del asserts[index]
                        own -= index < own
                    case path:
                        self.telling.note(place.within(*path), error.reason)
                        return []

    def _id(self, place: Place) -> str:
        return place.text if place.file == self._place.file else f"{place.file}:{place.text}"
