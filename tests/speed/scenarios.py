"""The loads, as data: one row each."""

from typing import NamedTuple

from tests.speed.answers import DELAY_S, PACE_S, STREAM_EVENTS, Mode


class Scenario(NamedTuple):
    """`wrk`: driven by wrk where that is installed. `spread_s`: the connections begin one after the other over this
    time, else all would ask, and be answered, in step for ever."""

    name: str
    mode: Mode
    connections: int
    says: str
    wrk: bool = False
    spread_s: float = 0.0


SCENARIOS = (
    Scenario("one", "plain", 1, "1 connection, whole answers", wrk=True),
    Scenario("busy", "plain", 64, "64 connections, whole answers", wrk=True),
    Scenario("delayed", "delayed", 64, "64 connections, the upstream thinks for 50 ms", spread_s=DELAY_S),
    Scenario("stream", "stream", 64, "64 streams of 103 events, as fast as they are read"),
    Scenario("paced", "paced", 64, "64 streams of 103 events, one each 5 ms", spread_s=STREAM_EVENTS * PACE_S),
)
