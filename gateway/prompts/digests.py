"""What a version is, as one digest: of what it means, not of how its file is laid out."""

import hashlib
from collections.abc import Mapping

from gateway.prompts.jcs import canonical

ALGORITHM = "sha256:"


def digest_of(front_matter: Mapping[str, object], body: str, partials: Mapping[str, str]) -> str:
    """`sha256:` and 64 hex digits, over the canonical JSON of front matter, body and all partials in it by name.

    Comments and the order of keys do not count; a changed partial does.

    Raises:
        ValueError: a number or a text in the front matter that JSON has no word for.
    """
    said = {"frontMatter": front_matter, "body": body, "partials": partials}
    return ALGORITHM + hashlib.sha256(canonical(said)).hexdigest()


def source_digest(data: bytes) -> str:
    """Of a file's bytes."""
    return ALGORITHM + hashlib.sha256(data).hexdigest()
