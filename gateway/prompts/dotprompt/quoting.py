"""Fences that what they hold cannot close: `<data-3f9a1c2b77d0>` … `</data-3f9a1c2b77d0>`.

Delimiting untrusted text by tags is what providers advise, and what spotlighting (Hines et al., 2024) measures; a tag
that everybody knows can be closed by the text itself. The suffix is taken from the text's own digest: the same text has
the same fence, so that caches and tests hold, and whoever writes the text cannot know it before it is written. Should
the text hold its own suffix all the same, the next digest is taken.
"""

import hashlib
import re

TAG = "data"
SUFFIX = 12  # hex digits
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def quoted(text: str, tag: object = TAG) -> str:
    """Raises: ValueError: the tag is no name."""
    if not isinstance(tag, str) or not _NAME.fullmatch(tag):
        raise ValueError("`tag` is a name of letters, digits, `-` and `_`, 32 of them at most")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    while (suffix := digest.hexdigest()[:SUFFIX]) in text:
        digest.update(b"again")
    return f"<{tag}-{suffix}>\n{text}\n</{tag}-{suffix}>"
