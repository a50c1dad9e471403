"""Calls, replies, and the two shapes the whole gateway is made of: Service and Layer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.core.additions import Recalled, Templated
from gateway.core.attempt import Attempt, Terms, UsageSource
from gateway.core.conversation import DialectName
from gateway.core.faults import Fault
from gateway.core.fields import Fields
from gateway.core.model import Permit
from gateway.core.principal import Principal
from gateway.core.record import Outcome, Record
from gateway.core.settable import settable
from gateway.core.target import Target
from gateway.core.usage import Usage


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of call: one row of a dialect's endpoint table.

    Attributes:
        name: the word in policies, records and metrics. otel_name: `gen_ai.operation.name` of the conventions.
        path: below the base path, e.g. `chat/completions`.
        dialect: whose wire format it is: says how errors look.
        protocol: for calls that generate text, the word in `dialects/protocols.py` by which they can be translated;
            empty for calls that only pass.
        model_in_path: the model's name is in the URL, not in the body (Gemini).
        billed: whether a provider asks money for it.
        ends_with_done: whether its event streams end with a `[DONE]` event.
    """

    name: str
    path: str
    otel_name: str
    dialect: DialectName = "openai"
    protocol: str = ""
    model_in_path: bool = False
    billed: bool = True
    streams: bool = False
    multipart: bool = False
    ends_with_done: bool = False
    answers: Literal["json", "binary"] = "json"


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """W3C trace context of this call: our span's id, its parent, and whether the trace is sampled."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = False
    state: str = ""


@settable
class Served(msgspec.Struct, kw_only=True, gc=False):
    """What the upstream's answer said about itself; filled in as it passes.

    Attributes:
        raw_usage: the provider's usage objects as they came, in order; of running totals the last.
        terms: what its price depends on besides. reports_cost: how the provider tells what the call costs, if it is
            trusted with that: a word of `dialects/costs.py`. asked: it has gone out. native: in the client's protocol.
        searches: web searches that the model makes and bills without counting them. response_id: in the answer's body.
        complete: the piece of a stream just read ends the answer (`[DONE]`); set before that piece is passed on.
        failed: an event of the stream told of an error, which was passed on: the answer is not whole.
    """

    usage: Usage | None = None
    usage_source: UsageSource = "none"
    raw_usage: list[bytes] = []
    terms: Terms = Terms()
    reports_cost: str = ""
    searches: int = 0
    model: str = ""
    finish_reason: str = ""
    request_id: str = ""
    response_id: str = ""
    first_output_at: float | None = None
    estimated_output_tokens: int = 0
    asked: bool = False
    native: bool = False
    complete: bool = False
    failed: bool = False


Pull = Callable[[], Awaitable[bytes | None]]
Tap = Callable[[bytes], bytes]
Ending = Callable[["Call"], None]
Closing = Callable[[], None]
Mend = Callable[["Reply"], Fields | None]


class Call:
    """One request on its way through the pipeline. Mutable, owned by one task, never kept after it has ended.

    Endings settle holds and write the record. They are plain functions of the call, so that a step can hang the same
    one on every call; run innermost first (the last added, first), exactly once, whatever happened: reply, refusal,
    hang-up, fault. `end()` is called before the last byte of an answer is sent. They hang on the call and not on the
    reply, because a call that never gets a reply needs them as well; and they are a list, because a generator that was
    never started never runs its `finally`. What must stay open until the last byte has gone (the upstream's connection)
    is a closing, run by `close()` at the very end.

    Attributes:
        open: reads and parses the body (fills in `fields`, `model`, `stream`); metering calls it, once.
        in_cohort: others came with it, and it takes its steps beside them (`cohort.py`).
        attempts: every upstream call made for it so far; the last is the one under way, and `served` is its.
        deadline: by the monotonic clock, until when the caller waits for a first byte; None: he did not say.
        judge: (call, name) → the permits for another name that the call, or a leg of it, may be served by instead, by
            the same rules; it is kept to what they ask for. Set by the step that judged its own.
        admit: counts the call against the limits of another target than the first, or raises what they say.
        mend: reply → the request to make in its place, once, as policy does not take that answer; None: it does.
        plan: its permits as the router will try them, once it chose. media: (fields, what media they hold → where).
        reply_headers: what steps want on every answer, refusals too: `x-ratelimit-*`, the served target, the cost.
        permits: the targets that policy lets this call use, best first. keep_content: whether what is said may be kept.
        recalled: the stored response that the call goes on from. templated: the prompt that was put into the request.
        sizes: (fields, how long an answer they ask for, how many): several steps want to know (`pipeline/estimate.py`).
        abort: set by whoever cancels the call's task, so that the one who catches the cancellation knows why.
        on_end, on_close: add an ending, and a closing, which must not raise: the lists' own `append`, to save a frame.
    """

    __slots__ = (
        "_closings",
        "_endings",
        "abort",
        "admit",
        "arrived",
        "attempts",
        "caller",
        "deadline",
        "fields",
        "headers",
        "in_cohort",
        "judge",
        "keep_content",
        "media",
        "mend",
        "model",
        "on_close",
        "on_end",
        "open",
        "operation",
        "permits",
        "plan",
        "recalled",
        "record",
        "reply_headers",
        "served",
        "sizes",
        "stream",
        "target",
        "templated",
        "trace",
    )
    caller: Principal  # there is none before `authenticate`

    def __init__(
        self,
        *,
        operation: Operation,
        headers: Mapping[bytes, bytes],
        record: Record,
        open: Callable[[], Awaitable[None]],
        fields: Fields,
        arrived: float,
    ) -> None:
        self.operation = operation
        self.headers = headers
        self.record = record
        self.open = open
        self.fields = fields
        self.arrived = arrived
        self.in_cohort = False
        self.model = ""
        self.stream = False
        self.target: Target | None = None
        self.permits: Sequence[Permit] = ()
        self.plan: Sequence[Permit] | None = None
        self.judge: Callable[[Call, str], Sequence[Permit]] = _nobody
        self.admit: Callable[[Permit], Awaitable[None]] = _welcome
        self.mend: Mend | None = None
        self.deadline: float | None = None
        self.attempts: list[Attempt] = []
        self.keep_content = True
        self.recalled: Recalled | None = None
        self.templated: Templated | None = None
        self.served = Served()
        self.trace: TraceContext | None = None
        self.reply_headers: dict[str, str] = {}
        self.abort: Exception | None = None
        self.sizes: tuple[Fields, int, int] | None = None
        self.media: tuple[Fields, Mapping[str, str]] | None = None
        self._endings: list[Ending] = []
        self._closings: list[Closing] = []
        self.on_end = self._endings.append
        self.on_close = self._closings.append

    def leg(self) -> "Call":
        """The same call on a way of its own to an upstream, beside this one: what it is answered, its headers and
        closings are its own, and it has no endings. Whoever begins one adopts or closes it."""
        leg = Call(
            operation=self.operation,
            headers=self.headers,
            record=self.record,
            open=self.open,
            fields=self.fields,
            arrived=self.arrived,
        )
        if hasattr(self, "caller"):
            leg.caller = self.caller
        leg.permits, leg.plan, leg.judge = self.permits, self.plan, self.judge
        leg.model, leg.stream, leg.media, leg.trace = self.model, self.stream, self.media, self.trace
        leg.attempts, leg.deadline, leg.keep_content = self.attempts, self.deadline, self.keep_content
        leg.recalled, leg.templated, leg.admit = self.recalled, self.templated, self.admit
        return leg

    def adopt(self, leg: "Call") -> None:
        """Go on as the leg did: its answer is this call's."""
        self.target, self.served = leg.target, leg.served
        self.reply_headers.update(leg.reply_headers)
        self._closings += leg._closings
        leg._closings.clear()

    @property
    def closings(self) -> int:
        return len(self._closings)

    def close(self, keep: int = 0) -> None:
        """Run the closings, but for the first `keep`; a second time there are none left."""
        closings = self._closings
        while len(closings) > keep:
            closings.pop()()

    def let_go(self) -> None:
        """It is over. What steps hung on it knows it in turn: let go of, all of it is freed without a collector."""
        self.open, self.admit, self.judge, self.mend = not_to_open, _welcome, _nobody, None

    def end(self, outcome: Outcome, fault: Fault | None = None) -> None:
        """Run the endings; only the first call has any effect."""
        record = self.record
        if record.outcome != "open":
            return
        record.outcome = outcome
        if fault is not None:
            record.error_code, record.blame = fault.code, fault.blame
        endings, failed = self._endings, None
        while endings:
            try:
                while endings:
                    endings.pop()(self)
            except Exception as error:  # noqa: BLE001  one ending's bug must not keep the next from settling
                failed = failed or error
        if failed is not None:
            raise failed


class Reply(msgspec.Struct, eq=False):
    """An answer: a whole `body`, or a `stream` that is pulled piece by piece, each piece looked at by the taps.

    Attributes:
        broken: how a stream of this kind tells of a fault after its first byte, where the dialect's plain error event
            would not do: (fault, request id) → bytes.

    What layers do to a stream is a plain function in the flat list `taps`, innermost first; one loop applies them.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    stream: Pull | None = None
    taps: list[Tap] = []
    broken: Callable[[Fault, str], bytes] | None = None


async def not_to_open() -> None:
    """Of a call whose body nobody is to read: not yet, or not any more."""
    raise AssertionError("there is nothing to open")


async def _welcome(permit: Permit) -> None:
    """Where nobody counts."""


def _nobody(call: Call, name: str) -> Sequence[Permit]:  # noqa: ARG001  before anybody has judged
    return ()


# A layer that only does something before the call goes on need not be a coroutine itself: a plain function that ends in
# `return service(call)` is a frame less below every await. Whoever calls a service awaits it at once.
Service = Callable[[Call], Awaitable[Reply]]
Layer = Callable[[Service], Service]
