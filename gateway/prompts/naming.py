"""Names of prompts, labels, and the words by which a caller asks for a version."""

import re
from typing import Literal

import msgspec

DEFAULT_LABEL = "production"
LATEST, DRAFT = "latest", "draft"
MAX_NAME, MAX_MESSAGE = 255, 500
MIN_DIGEST = 12
_SEGMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+-]*[A-Za-z0-9._+-])?")
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")
_NUMBER = re.compile(r"v?([1-9][0-9]{0,8})")
_LIKE_NUMBER = re.compile(r"v?[0-9]+")
_DIGEST = re.compile(rf"sha256:([0-9a-f]{{{MIN_DIGEST},64}})")
Kind = Literal["label", "version", "digest", "latest", "draft"]


class Wanted(msgspec.Struct, frozen=True):
    """Which version is asked for. `word`: the label, or the digest's hex digits."""

    kind: Kind
    number: int = 0
    word: str = ""


def why_no_name(name: str) -> str:
    """What is wrong with a prompt's name; empty if nothing is."""
    if not name or len(name) > MAX_NAME:
        return f"a prompt's name has 1 to {MAX_NAME} characters"
    for part in name.split("/"):
        if not _SEGMENT.fullmatch(part):
            return (
                f"`{part[:40]}` cannot be part of a prompt's name: it begins with a letter or a digit, then come "
                "those, spaces and `._+-`; `/` stands between folders"
            )
    return ""


def why_no_label(label: str) -> str:
    """What is wrong with a label; empty if nothing is."""
    if label in (LATEST, DRAFT):
        return f"`{label}` is no label to be set: {_RESERVED[label]}"
    if not _LABEL.fullmatch(label):
        return f"`{label[:40]}` is no label: 1 to 36 of a-z, 0-9 and `_.-`"
    if _LIKE_NUMBER.fullmatch(label):
        return f"the label `{label}` would be taken for the number of a version"
    return ""


_RESERVED = {LATEST: "it always is the newest published version", DRAFT: "it always is the draft"}


def parse_wanted(text: str) -> Wanted:
    """`""` (production), a label, `3`, `v3`, `sha256:` with 12 digits or more, `latest`, `draft`.

    Raises:
        ValueError: it is none of these; the message says what is expected.
    """
    if found := _NUMBER.fullmatch(text):
        return Wanted("version", int(found[1]))
    if found := _DIGEST.fullmatch(text):
        return Wanted("digest", word=found[1])
    if text == LATEST:
        return Wanted("latest")
    if text == DRAFT:
        return Wanted("draft")
    if text.startswith("sha256:"):
        raise ValueError(f"a digest is `sha256:` and {MIN_DIGEST} to 64 of 0-9 and a-f")
    if not text or (_LABEL.fullmatch(text) and not _LIKE_NUMBER.fullmatch(text)):
        return Wanted("label", word=text or DEFAULT_LABEL)
    raise ValueError("a version is a number, a label such as `production`, `latest`, or `sha256:…`")
