"""Tests as they are written, made into cases: every file read, every assertion understood."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from gateway.compare.cases.digests import case_digest
from gateway.compare.cases.document import CaseDocument
from gateway.compare.cases.files import PREFIX, Folder
from gateway.compare.cases.merging import merged
from gateway.compare.cases.outputs import sample_of
from gateway.compare.cases.spreading import NO_FOLDER, spread
from gateway.compare.cases.suite import NEVER_BREAK, Case
from gateway.compare.grading.assertion import Assertion
from gateway.compare.grading.checks import Check
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.making import Making, make
from gateway.compare.grading.names import plain_name
from gateway.compare.grading.values import Wrong, placed, text_of
from gateway.stores.wording import nearest
from gateway.stores.yamltree import Path_


class Builder(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests of one file have in common.

    Attributes:
        judge: who judges where nobody is named. python: code may be run.
        strict: our own words in `metadata` must be known.
    """

    default: CaseDocument = CaseDocument()
    judges: Mapping[str, Judge] = {}
    rubrics: Mapping[str, str] = {}
    judge: Judge | None = None
    python: bool = False
    folder: Folder | None = None
    strict: bool = True

    def cases(self, test: CaseDocument, id: str, line: int, place: Path_) -> list[Case]:
        """The cases of a test. `place`: its own in the file.

        Raises:
            Wrong: with the place in the file, which may be in `defaultTest`.
        """
        whole = merged(self.default, test)
        severity, source = self._marks(whole, place)
        if whole.human is not None and whole.provider_output is msgspec.UNSET:
            raise Wrong((*place, "human"), "a human's opinion is of one answer; write that into `providerOutput`")
        output = None
        if whole.provider_output is not msgspec.UNSET:
            output = placed(place, lambda: sample_of(whole.provider_output, "providerOutput"))
        lists = whole.options.disable_var_expansion
        several = list(spread(whole.vars, lists=lists, folder=self.folder, place=(*place, "vars")))
        places = list(_places(whole, len(test.asserts), place))
        asserts = tuple(self._with_files(one, at) for one, at in zip(whole.asserts, places, strict=True))
        code = self._code(asserts)
        found: list[Case] = []
        for number, values in enumerate(several, 1):
            making = self.making(values)
            checks = tuple(_made(one, making, at, id) for one, at in zip(asserts, places, strict=True))
            case = msgspec.structs.replace(whole, vars=values, asserts=asserts)
            found.append(
                Case(
                    id=id if len(several) == 1 else f"{id}.{number}",
                    description=case.description,
                    vars=values,
                    messages=case.messages,
                    tags=case.tags,
                    checks=checks,
                    threshold=case.threshold,
                    repeat=case.repeat or 1,
                    metadata=case.metadata,
                    severity=severity,
                    source=source,
                    human=case.human,
                    output=output,
                    line=line,
                    digest=case_digest(case, making, severity=severity, source=source, code=code),
                )
            )
        return found

    def making(self, values: Mapping[str, Any]) -> Making:
        return Making(
            vars=values,
            judges=self.judges,
            rubrics=self.rubrics,
            judge=self.judge,
            python=self.python,
            read=None if self.folder is None else self.folder.text,
        )

    def _marks(self, case: CaseDocument, place: Path_) -> tuple[str, str]:
        severity, source = case.metadata.get("severity", ""), case.metadata.get("source", "")
        if self.strict and severity not in ("", NEVER_BREAK):
            word = text_of(severity)
            reason = f"`{word}` is not a word for this{nearest(word, [NEVER_BREAK])}"
            raise Wrong((*place, "metadata", "severity"), reason)
        if isinstance(source, dict | list):
            if self.strict:
                raise Wrong((*place, "metadata", "source"), "expected a text: the group that the case belongs to")
            source = ""
        return NEVER_BREAK if severity == NEVER_BREAK else "", text_of(source)

    def _with_files(self, one: Assertion, place: Path_) -> Assertion:
        """The assertion with what files say instead of their names; but code stays where it is."""
        if plain_name(one.type)[0] == "python":
            return one
        parts = tuple(self._with_files(part, (*place, "assert", index)) for index, part in enumerate(one.asserts))
        value = one.value
        if isinstance(value, list):
            items = enumerate(cast(list[Any], value))
            value = [self._content(part, (*place, "value", index)) for index, part in items]
        return msgspec.structs.replace(one, value=self._content(value, (*place, "value")), asserts=parts)

    def _content(self, value: Any, place: Path_) -> Any:
        if not isinstance(value, str) or not value.startswith(PREFIX):
            return value
        folder = self.folder
        if folder is None:
            raise Wrong(place, NO_FOLDER)
        return placed(place, lambda: folder.content(value.removeprefix(PREFIX)))

    def _code(self, asserts: tuple[Assertion, ...]) -> list[str]:
        """The code in files that assertions name: a digest is of what runs."""
        found: list[str] = []
        for one in asserts:
            found += self._code(one.asserts)
            code = isinstance(one.value, str) and one.value.startswith(PREFIX) and plain_name(one.type)[0] == "python"
            if code and self.folder is not None and self.python:
                found.append(self.folder.text(one.value.removeprefix(PREFIX).partition(":")[0]))
        return found


def _made(one: Assertion, making: Making, place: Path_, id: str) -> Check:
    """Of an assertion that all tests have, it matters which test it does not fit."""
    try:
        return make(one, making)
    except Wrong as error:
        told = f"{error.reason} (in {id})" if place[:1] == ("defaultTest",) else error.reason
        raise Wrong((*place, *error.path), told) from None


def _places(whole: CaseDocument, own: int, place: Path_) -> Iterator[Path_]:
    """Of each assertion, in the file."""
    inherited = len(whole.asserts) - own
    for index in range(len(whole.asserts)):
        if index < inherited:
            yield ("defaultTest", "assert", index)
        else:
            yield (*place, "assert", index - inherited)
