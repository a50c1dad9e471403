"""The loads, as data: one row each."""

from typing import NamedTuple

from tests.speed.answers import Mode


class Scenario(NamedTuple):
    name: str
    mode: Mode
    connections: int
    says: str


SCENARIOS = (
    Scenario("one", "plain", 1, "1 connection, whole answers"),
    Scenario("busy", "plain", 64, "64 connections, whole answers"),
    Scenario("delayed", "delayed", 64, "64 connections, the upstream thinks for 50 ms"),
    Scenario("stream", "stream", 64, "64 streams of 103 events, as fast as they are read"),
    Scenario("paced", "paced", 64, "64 streams of 103 events, one each 5 ms"),
)
