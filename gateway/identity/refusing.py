"""Why a token is refused: a word for a metric and a log line, never for the caller."""

from typing import Literal

Reason = Literal[
    "too_long",
    "malformed",
    "type",
    "critical_header",
    "algorithm",
    "issuer",
    "no_keys",
    "unknown_key",
    "signature",
    "claims",
    "audience",
    "expired",
    "not_yet",
    "too_old",
    "mapping",
    "undeclared",
    "role",
]


class Refused(Exception):
    """A token that does not open anything. `issuer`: whose it is, if that is one of the declared ones."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.issuer = ""
