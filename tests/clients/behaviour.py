"""What every client must see, whoever is behind the gateway: one class of tests, inherited by a class for each client."""

import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.clients import recordings
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.telling import COUNTED
from tests.clients.upstreams import UPSTREAMS, Upstream
from tests.clients.words import PNG, Ask, Refusal, Tool, Turn, called

TEXT = "Grüezi, 世界! 🌧️ It rains."
NUMBER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (
    Tool("weather", "The temperature in a city", NUMBER),
    Tool(
        "average",
        "The mean of some numbers",
        {"type": "object", "properties": {"of": {"type": "array", "items": {"type": "number"}}}, "required": ["of"]},
    ),
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Behaviour:
    """Attributes:
    kind: the client. bad_request, limited, wrong_key, not_found: the classes of its errors, by name.
    overloaded: the statuses by which it tells of an upstream that has too much to do.
    """

    kind: ClassVar[Callable[[str, str, int], Client]]
    bad_request: ClassVar[str] = "BadRequestError"
    limited: ClassVar[str] = "RateLimitError"
    wrong_key: ClassVar[str] = "AuthenticationError"
    not_found: ClassVar[str] = "NotFoundError"
    overloaded: ClassVar[tuple[int, ...]] = (503, 529)

    def client(self, bench: Bench, retries: int = 0, key: str = "") -> Client:
        return bench.connect(type(self).kind, retries, key)

    async def refused(self, bench: Bench, model: str, ask: Ask, key: str = "") -> Refusal:
        client = self.client(bench, key=key)
        with pytest.raises(client.errors) as caught:
            await client.say(model, ask)
        return client.refusal(caught.value)

    @BOTH
    async def test_chat(self, bench: Bench, upstream: Upstream, stream: bool) -> None:
        bench.script(upstream, upstream.answers(Turn(TEXT), stream=stream))
        said = await self.client(bench).say(upstream.alias, Ask("hello", system="Be brief.", stream=stream))
        assert (said.text, said.calls, said.used) == (TEXT, [], (12, 7))
        (heard,) = bench.heard(upstream)
        assert (heard.system, heard.history) == ("Be brief.", [("user", "hello")])

    @BOTH
    async def test_three_turns_with_parallel_calls(self, bench: Bench, upstream: Upstream, stream: bool) -> None:
        both = (("weather", {"city": "Zürich"}), ("weather", {"city": "Oslo"}))
        mean = ("average", {"of": [21, 9]})
        turns = [Turn("I ask for both.", both), Turn("", (mean,)), Turn(TEXT)]
        bench.script(upstream, *(upstream.answers(turn, stream=stream) for turn in turns))
        results = {called(*both[0]): "21 °C", called(*both[1]): "9 °C", called(*mean): "15"}
        ask = Ask("How warm is it?", system="Be brief.", tools=TOOLS, results=results, stream=stream)
        said = await self.client(bench).loop(upstream.alias, ask)
        assert (said.text, said.calls) == (TEXT, [])
        first, second, third = bench.heard(upstream)
        assert first.history == [("user", "How warm is it?")]
        asked = [("assistant", "I ask for both."), ("call", *both[0]), ("call", *both[1])]
        told = [("result", "21 °C"), ("result", "9 °C")]
        assert second.history == [*first.history, *asked, *told]
        assert third.history == [*second.history, ("call", *mean), ("result", "15")]
        assert {heard.system for heard in (first, second, third)} == {"Be brief."}
        assert [heard.tools for heard in (first, second, third)] == [["weather", "average"]] * 3

    async def test_structured_output(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.answers(Turn('{"name": "Ada", "age": 36}'), stream=False))
        said = await self.client(bench).say(upstream.alias, Ask("Who?", schema=PERSON))
        assert json.loads(said.text) == {"name": "Ada", "age": 36}
        (heard,) = bench.heard(upstream)
        assert heard.schema is not None
        assert {name: of["type"].lower() for name, of in heard.schema["properties"].items()} == {
            "name": "string",
            "age": "integer",
        }
        assert set(heard.schema["required"]) == {"name", "age"}

    async def test_an_image(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.answers(Turn("red"), stream=False))
        said = await self.client(bench).say(upstream.alias, Ask("Which colour?", image=PNG))
        assert said.text == "red"
        (heard,) = bench.heard(upstream)
        assert sorted(heard.history) == [("image", PNG), ("user", "Which colour?")]

    @BOTH
    @pytest.mark.skipif(not recordings.available, reason="the recorded traffic (shared/corpus) is not here")
    async def test_recorded_answers(self, bench: Bench, upstream: Upstream, stream: bool) -> None:
        rows = recordings.chosen(upstream.protocol, stream)
        assert rows
        wrong: list[tuple[str, Any, Any]] = []
        for name, body, truth in rows:
            bench.script(upstream, upstream.replays(body, stream=stream))
            said = await self.client(bench).say(upstream.alias, Ask(stream=stream))
            used = (truth.used[0], truth.used[2]) if truth.used else said.used
            found, expected = (said.text, said.calls, said.used), (truth.text, truth.calls, used)
            if found != expected:
                wrong.append((name, found, expected))
        assert wrong == []

    async def test_a_bad_request(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.refuses(400, "no such thing as a purple temperature"))
        for stream in (False, True):
            told = await self.refused(bench, upstream.alias, Ask(stream=stream))
            assert (told.kind, told.status) == (self.bad_request, 400)
            assert "purple temperature" in told.text
        assert len(bench.server.requests) == 2

    async def test_too_many_requests(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.refuses(429, "slow down", {"retry-after": "7"}))
        told = await self.refused(bench, upstream.alias, Ask())
        assert (told.kind, told.status) == (self.limited, 429)
        assert "slow down" in told.text
        if self.client(bench).tells_retry_after:
            assert told.retry_after == "7"

    async def test_an_upstream_that_refuses_the_gateways_key(self, bench: Bench, upstream: Upstream) -> None:
        """No fault of the caller's, who must not be told to mend a key of his."""
        bench.script(upstream, upstream.refuses(401, "Incorrect API key provided: sk-secret"))
        told = await self.refused(bench, upstream.alias, Ask())
        assert told.status == 502
        assert "sk-secret" not in told.text

    async def test_an_overloaded_upstream(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.refuses(upstream.overloaded, "too busy"))
        told = await self.refused(bench, upstream.alias, Ask())
        assert told.status in self.overloaded
        assert "too busy" in told.text

    async def test_retries_until_the_upstream_answers(self, bench: Bench, upstream: Upstream) -> None:
        """429 and overload are worth another try, after the time that the upstream asks for."""
        client = self.client(bench, retries=2)
        took: list[float] = []
        # Left to themselves they would wait for longer than a second, each time; on a busy machine all else may take long.
        while not took or (client.waits and took[-1] >= 1 and len(took) < 5):
            bench.script(
                upstream,
                upstream.refuses(429, "slow down", {"retry-after": "0.1"}),
                upstream.refuses(upstream.overloaded, "too busy", {"retry-after-ms": "100"}),
                upstream.answers(Turn(TEXT), stream=False),
            )
            began = time.monotonic()
            said = await client.say(upstream.alias, Ask())
            took.append(time.monotonic() - began)
            assert said.text == TEXT
            assert len(bench.heard(upstream)) == 3
        assert not client.waits or 0.2 <= took[-1] < 1, took

    async def test_a_stream_that_tells_an_error(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.breaks(Turn(TEXT), "the model fell asleep"))
        told = await self.refused(bench, upstream.alias, Ask(stream=True))
        assert "the model fell asleep" in told.text

    async def test_a_stream_that_breaks_off(self, bench: Bench, upstream: Upstream) -> None:
        bench.script(upstream, upstream.vanishes(Turn(TEXT)))
        await self.refused(bench, upstream.alias, Ask(stream=True))

    async def test_a_wrong_key(self, bench: Bench) -> None:
        bench.server.requests.clear()
        told = await self.refused(bench, UPSTREAMS["chat"].alias, Ask(), key="gw-wrong")
        assert (told.kind, told.status) == (self.wrong_key, 401)
        assert bench.server.requests == []

    async def test_an_unknown_model(self, bench: Bench) -> None:
        told = await self.refused(bench, "nothing", Ask())
        assert (told.kind, told.status) == (self.not_found, 404)

    async def test_count_tokens(self, bench: Bench, upstream: Upstream) -> None:
        """By the upstream, where it counts in a dialect we speak; else estimated, never too low."""
        client = self.client(bench)
        if not client.counts:
            pytest.skip("this client does not count tokens")
        bench.script(upstream)
        count = await client.count(upstream.alias, "hello " * 100)
        assert count == COUNTED if upstream.counting else count >= 100
        assert len(bench.server.requests) == bool(upstream.counting)
