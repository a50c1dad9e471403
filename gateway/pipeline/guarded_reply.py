"""An answer on its way to the caller, looked at by guards: whole, or as it streams."""

from collections.abc import Callable
from functools import partial

from gateway.core.call import Call, Pull, Reply
from gateway.core.cohort import others_first
from gateway.guard.answers import look_at_answer, says_nothing
from gateway.guard.looking import hits
from gateway.guard.rules import Applied
from gateway.guard.streaming import StreamGuard
from gateway.guard.tally import Tally
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from gateway.pipeline.asking_judges import ask_judges
from gateway.pipeline.parts import Parts

# What others answer with holds no text, or only what the caller himself has sent.
_SAYING = frozenset(
    {
        *("chat", "completions", "responses", "messages", "generate"),
        *("images", "transcriptions", "translations", "rerank"),
    }
)
_ARRAY = "generate-array"


def may_pass(call: Call, reply: Reply, applied: Applied, vault: Vault | None) -> bool:
    """Whether the reply may pass as it is, as far as one look tells; it holds for most."""
    if reply.status >= 300 or call.operation.name not in _SAYING:
        return True
    first = applied.all_out
    if first is None or vault or reply.stream is not None or reply.taps:
        return False
    return says_nothing(reply.body, first)


async def guarded_reply(
    call: Call,
    reply: Reply,
    applied: Applied,
    tally: Tally,
    vault: Vault,
    parts: Parts,
    tell: Callable[[], None],
) -> Reply:
    """The reply, unless it `may_pass`, with what guards make of it. `tell` tells the caller what was found, and raises
    if it may not pass."""
    if call.in_cohort:
        await others_first()
    rules = applied.output
    hold = reply.stream is not None and any(rule.guard.hold for rule in rules)
    looking = Looking(rules, vault, partial(tally.note, side="output"), hold, applied.first_out)
    if reply.stream is not None:
        reply.stream = _GuardedStream(call, reply, looking, tally, parts, tell).pull
        # They look at what the upstream sent, before a guard changes it or keeps it back.
        reply.taps = []
        return reply
    body = reply.body
    for tap in reply.taps:
        body = tap(body)
    reply.taps = []
    reply.body, texts = look_at_answer(body, looking)
    if tally.found:
        tell()
    if "output" in applied.asks:
        await ask_judges(call, rules, "output", texts, tally, parts)
        tell()
    return reply


class _GuardedStream:
    """Pulls an answer's events, and lets go of those that may."""

    __slots__ = ("_call", "_ended", "_guard", "_looking", "_parts", "_pull", "_tally", "_taps", "_tell", "_to_judge")

    def __init__(
        self, call: Call, reply: Reply, looking: Looking, tally: Tally, parts: Parts, tell: Callable[[], None]
    ) -> None:
        assert reply.stream is not None, "a streamed reply has a stream"
        self._call = call
        self._pull: Pull = reply.stream
        self._taps = reply.taps
        self._looking = looking
        self._tally = tally
        self._parts = parts
        self._tell = tell
        self._to_judge = any(rule.late for rule in looking.rules)
        self._guard = StreamGuard(looking, array=call.operation.protocol == _ARRAY, keep=self._to_judge)
        self._ended = False

    async def pull(self) -> bytes | None:
        while not self._ended:
            piece = await self._pull()
            for tap in self._taps if piece else ():
                piece = tap(piece) if piece else piece
            out = self._guard.feed(piece) if piece else b""
            if piece is None or self._call.served.complete:
                out += self._guard.end()
                if self._to_judge:
                    self._to_judge = False
                    await self._judge()
                self._ended = piece is None
            self._tell()
            if out or piece is None:
                return out or None
        return None

    async def _judge(self) -> None:
        """What judges a text as a whole says what it thinks of this one: the caller has it already, unless it is held
        back."""
        rules, texts, late = self._looking.rules, self._guard.texts, not self._looking.hold
        if late:
            for text, aside in texts:
                found = [hit for hit in hits(rules, text, aside=aside) if hit.detector.whole]
                self._tally.note(found, "output", late=True)
        await ask_judges(self._call, rules, "output", [text for text, _ in texts], self._tally, self._parts, late=late)
