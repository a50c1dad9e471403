"""Labels that others gave."""

import re

from gateway.prompts.formats.converted import Notes

_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")


def usable_label(label: object, path: str, notes: Notes) -> bool:
    """Whether it can be one here. `latest` is no loss: it is the newest version's everywhere."""
    if label == "latest":
        return False
    if (
        not isinstance(label, str)
        or not _LABEL.fullmatch(label)
        or label == "draft"
        or re.fullmatch(r"v?[0-9]+", label)
    ):
        notes.note(path, label, "is no label here (1 to 36 of a-z, 0-9 and `_.-`, and no number), and is left out")
        return False
    return True
