"""The life of an engine, as a table.

state        started    answered    silent      died         time_over   withdrawn   stop
waiting      starting   ·           ·           ·            ·           ·           stopped
starting     ·          ready       ·           waiting      stopping*   stopping*   stopping
ready        ·          ·           unhealthy   waiting      ·           stopping*   stopping
unhealthy    ·          ready       ·           waiting      stopping*   stopping*   stopping
stopping     ·          ·           ·           stopped**    ·           ·           ·
failed       ·          ·           ·           ·            ·           ·           stopped
stopped      ·          ·           ·           ·            ·           ·           ·

·   nothing changes
*   it took too long to start, was silent too long, or its model may not be used any more: it is killed, and once dead
    it waits to be started again, or to be admitted again
**  waiting, if it was killed for one of these; stopped, if it was asked to stop
failed is reached from waiting when it cannot be started at all (weights missing or altered, extra not installed)
"""

from typing import Literal, get_args

State = Literal["waiting", "starting", "ready", "unhealthy", "stopping", "failed", "stopped"]
Event = Literal["started", "answered", "silent", "died", "time_over", "withdrawn", "ended_late", "cannot_start", "stop"]
STATES: tuple[str, ...] = get_args(State)

TRANSITIONS: dict[tuple[State, Event], State] = {
    ("waiting", "started"): "starting",
    ("waiting", "cannot_start"): "failed",
    ("waiting", "stop"): "stopped",
    ("starting", "answered"): "ready",
    ("starting", "died"): "waiting",
    ("starting", "time_over"): "stopping",
    ("starting", "withdrawn"): "stopping",
    ("starting", "stop"): "stopping",
    ("ready", "silent"): "unhealthy",
    ("ready", "died"): "waiting",
    ("ready", "withdrawn"): "stopping",
    ("ready", "stop"): "stopping",
    ("unhealthy", "answered"): "ready",
    ("unhealthy", "died"): "waiting",
    ("unhealthy", "time_over"): "stopping",
    ("unhealthy", "withdrawn"): "stopping",
    ("unhealthy", "stop"): "stopping",
    ("stopping", "died"): "stopped",
    ("stopping", "ended_late"): "waiting",
    ("failed", "stop"): "stopped",
}


def next_state(state: State, event: Event) -> State:
    """The state after an event; the same state where the table has no entry."""
    return TRANSITIONS.get((state, event), state)


def restart_delay(deaths: int, backoff_s: float, max_backoff_s: float, die: float) -> float:
    """Seconds before the next start after so many deaths in a row: doubled each time, up to a bound, half of it by
    chance (`die` in 0…1), so that engines that fell together do not rise together."""
    if deaths == 0:
        return 0.0
    full = min(max_backoff_s, backoff_s * 2 ** min(deaths - 1, 30))
    return full * (0.5 + 0.5 * die)
