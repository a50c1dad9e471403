"""Calls that no caller waits for (mirrors): recorded and priced as others are, and on no team's bill."""

from gateway.core.call import Call
from gateway.pipeline.accounting import account_apart
from gateway.pipeline.metering import close
from gateway.pipeline.obliging import Overridden
from gateway.pipeline.parts import Parts


class BooksApart:
    """What the router asks for to keep books of such a call."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def opened(self, call: Call) -> None:
        """It is about to be sent. A provider keeps nothing of it: nobody would ever ask for that or delete it.

        Raises:
            OSError: it cannot be recorded, and so must not be made.
        """
        if call.operation.name == "responses" or call.fields.get("store") is not None:
            call.fields = Overridden(call.fields, {"store": False})
        try:
            self._parts.journal.opened(call.record)
        except OSError as error:
            self._parts.journal_failed(error)
            raise

    def closed(self, call: Call) -> None:
        """It has ended, and its record says how."""
        try:
            account_apart(call, self._parts)
        finally:
            close(call, self._parts)
            self._parts.ended_apart(call)
