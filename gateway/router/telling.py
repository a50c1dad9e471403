"""Who is told what mirrors and canaries do."""

from typing import Protocol

from gateway.router.canaries import Variant


class RouteReports(Protocol):
    """Routes and models are names of reviewed files, so they may be labels."""

    def mirrored(self, route: str, model: str, result: str, nano: int) -> None:
        """A mirrored call has ended. `result`: an attempt's outcome; `nano`: what it costs, 0 if that is not known."""
        ...

    def left_out(self, route: str, model: str, reason: str) -> None:
        """A call was not mirrored, though the die said so."""
        ...

    def paired(self, result: str) -> None:
        """Two answers to compare: `kept`, or why not."""
        ...

    def tried(self, route: str, variant: Variant, *, failed: bool) -> None:
        """An attempt on a route with a canary has ended."""
        ...

    def stepped(self, route: str, share: float) -> None:
        """A canary's part of the calls, told twice a second."""
        ...

    def rolled_back(self, route: str) -> None:
        """A canary went back to nothing; told once, by the worker that found it worse."""
        ...


class Untold:
    """Nobody is told."""

    def mirrored(self, route: str, model: str, result: str, nano: int) -> None: ...

    def left_out(self, route: str, model: str, reason: str) -> None: ...

    def paired(self, result: str) -> None: ...

    def tried(self, route: str, variant: Variant, *, failed: bool) -> None: ...

    def stepped(self, route: str, share: float) -> None: ...

    def rolled_back(self, route: str) -> None: ...
