"""`*` and `?`, nothing else: a reviewer must see at a glance what a pattern lets in."""

import re
from collections.abc import Callable, Sequence


def compile_globs(globs: Sequence[str]) -> Callable[[str], bool]:
    """A test whether a word matches any of the patterns, case-sensitively and as a whole."""
    if "*" in globs:
        return lambda word: True  # noqa: ARG005  the common case needs no look at the word
    exact = frozenset(glob for glob in globs if not is_glob(glob))
    patterns = [_regex(glob) for glob in globs if is_glob(glob)]
    if not patterns:
        return exact.__contains__
    pattern = re.compile("|".join(patterns))
    return lambda word: word in exact or pattern.fullmatch(word) is not None


def is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def _regex(glob: str) -> str:
    """Each part goes to the first place where it fits, and stays there (`(?>`): with `*` and `?` alone, no later place
    would let more words in, and none is tried over and over."""
    first, *parts = ["".join("." if one == "?" else re.escape(one) for one in part) for part in glob.split("*")]
    if not parts:
        return f"(?s:{first})"
    *inner, last = parts
    return "(?s:" + first + "".join(f"(?>.*?{part})" for part in inner if part) + ".*" + last + ")"
