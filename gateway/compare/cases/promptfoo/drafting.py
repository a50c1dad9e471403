"""A test of promptfoo's as one of ours: keys that mean something here, and each assertion for itself."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.compare.cases.document import CaseDocument
from gateway.compare.cases.files import PREFIX, Folder
from gateway.compare.cases.promptfoo.graders import Graders
from gateway.compare.cases.promptfoo.telling import Place, Telling, listed, mapping
from gateway.compare.grading.assertion import Assertion
from gateway.compare.grading.names import SET
from gateway.compare.grading.values import Wrong
from gateway.stores.wording import reworded

_TEST = ("description", "vars", "assert", "threshold", "metadata", "options", "providerOutput")
_ASSERTION = ("type", "value", "threshold", "weight", "metric", "transform", "config", "assert")
_OURS = ("disableVarExpansion", "disableDefaultAsserts")
_JUDGED = ("provider", "rubricPrompt")
_ELSEWHERE = "what is asked is said when the cases are run"
_WHY_TEST: Mapping[str, str] = {
    "provider": _ELSEWHERE,
    "providers": _ELSEWHERE,
    "prompts": _ELSEWHERE,
    "assertScoringFunction": "code of a suite is not run; weights and a threshold say how assertions add up",
}
_REF = "#/assertionTemplates/"


class Draft(msgspec.Struct, frozen=True):
    """A test without its assertions; each of those that were understood, with its place; and whether there were any."""

    document: CaseDocument
    asserts: tuple[tuple[Assertion, Place], ...] = ()
    asserted: bool = False


class Drafting:
    """Notes what it leaves out.

    Args:
        templates: of assertions, by name, as `$ref: '#/assertionTemplates/NAME'` means them.
    """

    def __init__(self, telling: Telling, graders: Graders, folder: Folder | None, templates: Mapping[str, Any]) -> None:
        self._telling, self._graders, self._folder, self._templates = telling, graders, folder, templates

    def draft(self, test: dict[str, Any], place: Place, inherited: Mapping[str, Any]) -> Draft:
        """Args:
            inherited: the options of `defaultTest`.

        Raises:
            Wrong: it is not the shape of a test.
        """
        kept = self._telling.keep(test, _TEST, place, _WHY_TEST)
        options = mapping(kept.get("options") or {}, "options")
        self._telling.keep(
            options, (*_OURS, *_JUDGED), place.within("options"), dict.fromkeys(options, "it changes what is asked")
        )
        kept["options"] = {key: value for key, value in options.items() if key in _OURS}
        asserts = listed(kept.pop("assert", None) or [])
        if isinstance(kept.get("vars"), str):
            kept["vars"] = self._variables(kept["vars"])
        found: list[tuple[Assertion, Place]] = []
        for index, one in enumerate(asserts):
            at = place.within("assert", index)
            try:
                found.append((self._assertion(one, at, {**inherited, **options}), at))
            except Wrong as error:
                self._telling.note(at.within(*error.path), error.reason)
        return Draft(_converted(kept, CaseDocument), tuple(found), bool(asserts))

    def _variables(self, name: str) -> dict[str, Any]:
        if self._folder is None:
            raise Wrong(("vars",), "names a file, and there is no folder here for it to be in")
        return mapping(self._folder.content(name.removeprefix(PREFIX).removeprefix("./")), "variables")

    def _assertion(self, value: Any, place: Place, options: Mapping[str, Any]) -> Assertion:
        found = self._resolved(value)
        made = self._graders.judged(found, options, place)
        kept = self._telling.keep(made, (*_ASSERTION, "judge"), place, {})
        if kept.get("type") == SET:
            # A set with fewer members than it had asserts another thing than it did.
            members = [
                self._assertion(one, place.within("assert", index), options)
                for index, one in enumerate(listed(kept.get("assert") or []))
            ]
            kept.pop("assert", None)
            return msgspec.structs.replace(_converted({**kept, "type": SET}, Assertion), asserts=tuple(members))
        if kept.get("value", "") is None:
            kept.pop("value")
        return _converted(kept, Assertion)

    def _resolved(self, value: Any) -> dict[str, Any]:
        found = mapping(value, "an assertion")
        reference = found.get("$ref")
        if not isinstance(reference, str):
            return found
        name = reference.removeprefix(_REF)
        if not reference.startswith(_REF) or name not in self._templates:
            raise Wrong(("$ref",), f"`{reference[:80]}` is none of `assertionTemplates`")
        rest = {key: one for key, one in found.items() if key != "$ref"}
        return {**mapping(self._templates[name], "an assertion"), **rest}


def _converted(value: dict[str, Any], shape: type[Any]) -> Any:
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        told = reworded(reason, shape)
        raise Wrong((), f"{path.rstrip('`').lstrip('.')}: {told}" if path else told) from None


def as_options(value: Any) -> Mapping[str, Any]:
    """The options of a test, or none."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
