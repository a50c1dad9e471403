"""Drift of config.yaml's secrets: those written in plain, and those that the environment does not hold."""

import re
from collections.abc import Collection, Iterator
from typing import Any, cast

from gateway.drift.finding import Finding, Page
from gateway.stores.documents import Text
from gateway.stores.references import REFERENCE, variables
from gateway.stores.yamltree import Path_, build

_NAMES = frozenset(
    {"api_key", "admin_key", "metrics_key", "secret", "client_secret", "secret_access_key", "session_token", "password"}
    | {"service_account"}
)
_HEADER = re.compile(r"authorization|api[-_]?key|token|secret|password", re.IGNORECASE)
# What stands where something must stand, and opens nothing: engines of one's own that want a key, whichever it is.
_WORDS = frozenset(
    {"no-key-required", "not-needed", "not-required", "not_needed", "not_required", "placeholder", "sk-no-key-required"}
)
MIN_SECRET = 8
# Keys are random: in those that providers give out there is a digit or a capital letter.
_WORDS_ALONE = re.compile(r"[a-z]+([-_. ][a-z]+)*")
_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*:[^/?#@]+@")


def plain_secrets(text: Text) -> Iterator[Finding]:
    """Secrets that stand in the file itself; their values are in no finding. `text`: of config.yaml."""
    page = Page(text.name, text.data)
    for path, value in _texts(build(text.data, text.name)[0]):
        if _plain(path, value):
            reason = f"`{_dotted(path)}` is a secret in plain: who reads this file has it"
            remedy = "write `${env:NAME}` or `${file:/path}`, and change the secret where others may have read it"
            yield page.finding("secret_in_plain", path, reason, remedy)


def unset_variables(text: Text, unset: Collection[str]) -> Iterator[Finding]:
    """What is empty because the environment has no such variable, and is told nowhere else.

    Args:
        text: of config.yaml. unset: names that it refers to, of variables which are not set.
    """
    if not unset:
        return
    page = Page(text.name, text.data)
    for path, value in _texts(build(text.data, text.name)[0]):
        missing = [name for name in variables(value) if name in unset]
        if missing and not _told_elsewhere(path):
            names = " and ".join(f"`{name}`" for name in dict.fromkeys(missing))
            reason = f"the environment has no {names}: `{_dotted(path)}` lacks it{_meaning(path)}"
            remedy = "set it where the gateway is started, or take the line out"
            yield page.finding("variable_unset", path, reason, remedy)


def _texts(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in cast(dict[str, Any], value).items():
            yield from _texts(entry, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            yield from _texts(item, (*path, index))


def _plain(path: Path_, value: str) -> bool:
    if REFERENCE.search(value):
        return bool(_IN_URL.match(REFERENCE.sub("", value)))
    if _IN_URL.match(value):
        return True
    word = value.strip()
    if not _names_secret(path) or len(word) < MIN_SECRET or word.lower() in _WORDS:
        return False
    return path[-1] != "api_key" or not _WORDS_ALONE.fullmatch(word)


def _names_secret(path: Path_) -> bool:
    last = str(path[-1])
    in_headers = "headers" in path[:-1] and bool(_HEADER.search(last))
    return last in _NAMES or in_headers or (path[0] == "operators" and last == "key")


def _told_elsewhere(path: Path_) -> bool:
    """A provider without its key is not configured, which is no error; a webhook without its secret has a finding of
    its own; without a database's address the gateway does not start."""
    first, last = path[0], path[-1]
    return (first, last) in {("providers", "api_key"), ("alerts", "secret"), ("ledger", "url"), ("prompts", "url")}


def _meaning(path: Path_) -> str:
    match (path[0], path[-1]):
        case ("operators", "key"):
            return ", and nobody is this operator"
        case ("operators", _):
            return ", and the one in the state folder counts"
        case ("guard_services", "api_key"):
            return ", and the service is asked without a credential"
        case _:
            return ""


def _dotted(path: Path_) -> str:
    return ".".join(map(str, path))
