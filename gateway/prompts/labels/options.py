"""Where labels are kept: in the state folder, unless config.yaml names a PostgreSQL database."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gateway.stores.documents import Document

SCHEMES = ("postgresql://", "postgres://")


class PromptOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where labels of prompts are kept, and runs of their tests.

    Attributes:
        url: a PostgreSQL database for all gateways together, the ledger's say, as `ledger.url` is written; best as
            `${env:PROMPTS_URL}`. None: SQLite in the state folder.
        connect_timeout_s, statement_timeout_s, silence_timeout_s: as the ledger's.
    """

    url: str | None = None
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 5
    statement_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 10.0
    silence_timeout_s: Annotated[int, msgspec.Meta(ge=2, le=3_600)] = 15

    def __repr__(self) -> str:
        return f"PromptOptions({'PostgreSQL' if self.url else 'SQLite'})"


class LabelPlace(msgspec.Struct, frozen=True):
    """`file`: the SQLite database; it does not count if the options have a URL. `snapshot`: where a process writes down
    what it knew last, for its next start."""

    file: Path
    snapshot: Path
    options: PromptOptions = PromptOptions()

    @property
    def name(self) -> str:
        """For people."""
        return "in PostgreSQL" if self.options.url is not None else str(self.file)


def check_prompts(document: Document[Any], options: PromptOptions) -> None:
    """Raises:
    DocumentError: a URL that cannot be one; the message does not show it, for it may hold a password.
    """
    if options.url and not options.url.startswith(SCHEMES):
        raise document.error(("prompts", "url"), "prompts.url must start with postgresql://")


def why_no_labels(options: PromptOptions) -> str:
    """What is missing to read labels, in words; empty if nothing is."""
    if options.url == "":
        return "prompts.url is empty: the environment does not hold it; without the line, labels are kept in SQLite"
    return ""


def missing_extra(options: PromptOptions) -> str:
    """The extra that these options need and that is not installed; empty if nothing is missing."""
    return "postgres" if options.url and find_spec("psycopg") is None else ""
