"""Names of models that mean the same, by rules and a table. What is not here is not the same: a wrong match would make
two differences disappear, a missing one makes a question."""

import re
from collections.abc import Iterable, Mapping

_DATES = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|[-@]20\d{6}|-latest|@latest)$")
_BEDROCK = re.compile(
    r"^(?:(?:us|eu|apac|jp|au|ca|sa|global|us-gov)\.)?"
    r"(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|google|writer|stability|moonshot|minimax|nvidia)\."
    r"(?P<model>.+?)(?:-v\d+)?(?::\d+(?::[a-z0-9]+)?)?$"
)
_PATHS = ("models/", "openai/", "anthropic/", "google/", "azure/", "bedrock/", "vertex_ai/")
# Anthropic's and Amazon's models on AWS's bills, where a family's name comes after its number.
_BILLED = re.compile(r"claude-?(?P<major>\d+)(?:\.(?P<minor>\d+))?-?(?P<family>sonnet|opus|haiku|instant)(?P<rest>.*)$")
_NOVA = re.compile(r"nova(?P<number>\d+\.\d+)?-?(?P<size>micro|lite|pro|premier|sonic)$")
_LAST_WITH_NUMBER_FIRST = 3


def folded(name: str) -> str:
    """The name without what does not say which model it is: a folder, a region, a vendor before it, a date after it."""
    text = name.strip().lower()
    if text.startswith("arn:"):
        text = text.rpartition("/")[2]
    if "/models/" in text:
        text = text.rpartition("/models/")[2]
    for path in _PATHS:
        text = text.removeprefix(path)
    found = _BEDROCK.match(text)
    if found is not None:
        text = found["model"]
    text = _DATES.sub("", text)
    return _billed(text)


def _billed(text: str) -> str:
    claude = _BILLED.match(text)
    if claude is not None and not claude["rest"]:
        major, minor, family = claude["major"], claude["minor"] or "0", claude["family"]
        number = major if minor == "0" else f"{major}-{minor}"
        return f"claude-{number}-{family}" if int(major) <= _LAST_WITH_NUMBER_FIRST else f"claude-{family}-{number}"
    nova = _NOVA.match(text)
    if nova is not None:
        number = (nova["number"] or "").removesuffix(".0")
        return "-".join(part for part in ("nova", number, nova["size"]) if part)
    return text


def cells(theirs: Iterable[str], ours: Iterable[str], same: Mapping[str, str]) -> dict[str, str]:
    """Every name of either side → the name under which it is compared. `same`: what people said, an export's name → the
    ledger's. Names that are on both sides as they are stay apart from others of the same model."""
    theirs, ours = set(theirs), set(ours)
    both = theirs & ours
    found: dict[str, str] = {}
    for name in theirs | ours:
        meant = same.get(name, name) if name in theirs else name
        found[name] = meant if meant in both or not meant else _ours(folded(meant), ours - both)
    return found


def _ours(fold: str, ours: Iterable[str]) -> str:
    """The ledger's own name, if only one of its names means this model: it is what people know."""
    names = [name for name in ours if folded(name) == fold]
    return names[0] if len(names) == 1 else fold
