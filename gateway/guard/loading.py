"""Reading policies/guardrails.yaml, and everything that is checked besides its shape."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.guard.detectors import DETECTORS, Built, MissingExtra
from gateway.guard.document import Guard, GuardsFile
from gateway.guard.looking import OF_ANSWERS
from gateway.guard.rules import GuardPolicy, Rule
from gateway.guard.words import Detector
from gateway.stores.documents import Document, Known, Text, check_known, load_document
from gateway.stores.files import digest
from gateway.stores.wording import nearest, why_no_id
from gateway.stores.yamltree import Path_

_PLACES = {"services": "guard_services", "providers": "providers"}
_LISTS = ("tenants", "teams", "keys", "labels", "models", "routes", "operations", "data_classes")


def read_guardrails(
    source: Path | Text, known: Known | None = None, detectors: Mapping[str, Built] = DETECTORS
) -> GuardPolicy:
    """The guards in the file.

    Args:
        known: the tenants, teams, operations and classes of data there are. detectors: what makes one, by its word.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a guard that looks nowhere or for nothing, a
            word that is none of those there are, options that its detector does not take, or keys that do not go
            together.
    """
    document = load_document(source, GuardsFile)
    seen: set[str] = set()
    rules: list[Rule] = []
    for index, guard in enumerate(document.value.guards):
        where = ("guards", index)
        if why := why_no_id(guard.id, seen, "guard id") or _why_not_plain(guard.id):
            raise document.error((*where, "id"), why)
        seen.add(guard.id)
        for name in _LISTS:
            if getattr(guard.match, name) in ((), {}):
                raise document.error((*where, "match", name), f"an empty `{name}` matches nothing; leave it out")
        check_known(document, (*where, "match"), guard.match, known or {})
        _check_keys(document, where, guard)
        _check_ask(document, (*where, "ask"), guard, known or {})
        found = [
            _detector(document, (*where, "detect", number), guard, one, detectors)
            for number, one in enumerate(guard.detect)
        ]
        rules.append(_rule(document, where, guard, found))
    return GuardPolicy(rules, digest(document.data))


def _why_not_plain(id: str) -> str:
    """It stands in a header, between marks of its own."""
    marks = [mark for mark in ',;"' if mark in id]
    if marks or not id.isprintable():
        found = f"has {' and '.join(f'`{mark}`' for mark in marks)}" if marks else "has a letter that cannot be printed"
        return f"the guard id `{id}` {found} in it; a plain word such as `pii-input` is one"
    return ""


def _check_keys(document: Document[GuardsFile], where: Path_, guard: Guard) -> None:
    """Keys that say nothing beside the others are slips of the pen."""
    if not guard.on:
        raise document.error((*where, "on"), "an empty `on`: the guard would never find anything")
    if not guard.detect and guard.ask is None:
        raise document.error((*where, "detect"), "an empty `detect`: the guard would never find anything")
    for number, side in enumerate(guard.on):
        if side in guard.on[:number]:
            raise document.error((*where, "on", number), f"`{side}` stands twice")
    if guard.restore is not None and (guard.action != "redact" or "input" not in guard.on):
        raise document.error((*where, "restore"), "`restore` is for guards that redact what is sent")
    if guard.hold and "output" not in guard.on:
        raise document.error((*where, "hold"), "`hold` is for guards that look at answers")
    if guard.advice and guard.action != "block":
        raise document.error((*where, "advice"), "`advice` is for guards that block")


def _check_ask(document: Document[GuardsFile], where: Path_, guard: Guard, known: Known) -> None:
    ask = guard.ask
    if ask is None:
        return
    if bool(ask.service) == bool(ask.model):
        raise document.error(where, "ask either a `service` or a `model`")
    if guard.action == "redact":
        raise document.error((*where[:-1], "action"), "whoever is asked judges texts, and says not what to redact")
    for name, word in (("services", ask.service), ("providers", ask.model.partition("/")[0])):
        if word and name in known and word not in known[name]:
            key = name.removesuffix("s") if name == "services" else "model"
            reason = f"`{word}` is none of config.yaml's {_PLACES[name]}{nearest(word, sorted(known[name]))}"
            raise document.error((*where, key), reason)
    if ask.model and not all(ask.model.partition("/")):
        raise document.error((*where, "model"), "a model to ask is `provider/model`")


def _detector(
    document: Document[GuardsFile],
    path: Path_,
    guard: Guard,
    said: str | dict[str, Any],
    detectors: Mapping[str, Built],
) -> Detector:
    word, options = (said, None) if isinstance(said, str) else next(iter(said.items()), ("", None))
    if isinstance(said, dict) and len(said) != 1:
        raise document.error(path, "one detector each: a word, or `{word: options}`")
    at = path if isinstance(said, str) else (*path, word)
    if word not in detectors:
        raise document.error(at, f"`{word}` is not a detector{nearest(word, sorted(detectors))}")
    built = detectors[word]
    if "input" in guard.on and (built.per_call or word in OF_ANSWERS):
        raise document.error(at, f"`{word}` is about answers; it has nothing to say `on: [input]`")
    try:
        return built.build(document.nested(at, options or {}, built.options))
    except (ValueError, MissingExtra) as error:
        raise document.error(at, f"{word} of the guard `{guard.id}`: {error}") from None


def _rule(document: Document[GuardsFile], where: Path_, guard: Guard, found: list[Detector]) -> Rule:
    quick = tuple(one for one in found if not one.whole)
    whole = tuple(one for one in found if one.whole)
    if guard.hold and not whole and guard.ask is None:
        raise document.error(
            (*where, "hold"), "`hold` is for detectors that judge an answer as a whole; these need none"
        )
    return Rule(guard, quick, whole)
