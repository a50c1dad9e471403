"""Asking a running gateway, as any application does: over HTTP, with a key. So its policies, limits, guards and cache
hold for a run too, and its ledger has every call."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.compare.grading import Sample
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.samples import StreamedAnswer, sample_of, whole_sample
from gateway.compare.running.trials import Failure
from gateway.core.faults import Fault, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.core.money import NANO
from gateway.core.usage import Usage
from gateway.transport.client import Exchange, HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import parse_url

MAX_ERROR = 400
FIRST_WAIT_S = 1.0
# Statuses of somebody who is busy now. Of others the same question has the same answer.
_BUSY = frozenset({429, 503, 529})
# 429s that waiting does not mend: there is no money left.
_POOR = frozenset({"insufficient_quota", "budget_exhausted"})
# What an answer used, at `provider/model` → nano-units; None: no price is known.
Price = Callable[[str, Usage], int | None]


class OverHttp:
    """An `Ask`.

    Args:
        url: of the gateway, without `/v1`. price: of streamed answers, whose headers come before their cost is known.
        no_cache: no answer out of the gateway's own cache, not even the first of a case.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        key: str,
        *,
        stream: bool = False,
        timeout_s: float = 300.0,
        price: Price | None = None,
        no_cache: bool = False,
    ) -> None:
        self._client = client
        self._url = parse_url(f"{url.rstrip('/')}/v1/chat/completions")
        self._key = key
        self._stream = stream
        self._timeouts = Timeouts(first_byte_s=timeout_s, idle_s=timeout_s, total_s=timeout_s)
        self._price = price
        self._no_cache = no_cache

    async def __call__(self, question: Question) -> Heard:
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "authorization": f"Bearer {self._key}",
            "x-client-request-id": question.id,
        }
        if question.fresh or self._no_cache:
            headers["cache-control"] = "no-cache"
        body: dict[str, Any] = dict(question.request)
        if self._stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        began = self._client.now()
        told: dict[str, str] = {}
        try:
            exchange = await self._client.send(self._url, headers, msgspec.json.encode(body), self._timeouts)
            try:
                told.update(exchange.headers)
                if exchange.status != 200:
                    return _refused(exchange.status, told, await exchange.read())
                sample = await self._sample(question, exchange, told, began)
            finally:
                exchange.close()
        except Fault as fault:
            gone = isinstance(fault, UpstreamUnreachable)
            return Heard(
                failure=_failure_of(fault),
                call=told.get("x-request-id", ""),
                cost_nano=0 if gone else nano_of(told.get("x-gateway-cost-usd")),
                again_in_s=FIRST_WAIT_S if gone else None,
            )
        return Heard(
            sample=sample,
            call=told.get("x-request-id", ""),
            target=told.get("x-gateway-target", ""),
            prompt=told.get("x-gateway-prompt", ""),
            kept=told.get("x-cache", "") in ("hit", "stale"),
        )

    async def _sample(self, question: Question, exchange: Exchange, told: Mapping[str, str], began: float) -> Sample:
        # What a call waited for a limit of the gateway's is this run's own doing, and not the arm's.
        began += _number(told.get("x-gateway-queue-ms", "")) / 1000
        cost = nano_of(told.get("x-gateway-cost-usd"))
        kept = told.get("x-cache", "") in ("hit", "stale")
        if not told.get("content-type", "").startswith("text/event-stream"):
            body = await exchange.read()
            latency = self._client.now() - began
            return whole_sample(body, question.request, None if kept else latency, 0 if kept else cost)
        streamed = StreamedAnswer(self._client.now)
        while (piece := await exchange.piece()) is not None:
            streamed.feed(piece)
        answer = streamed.end()
        latency = self._client.now() - began
        if cost is None and self._price is not None and answer.usage is not None and not kept:
            cost = self._price(told.get("x-gateway-target", ""), answer.usage)
        first = streamed.first_at
        return sample_of(
            answer,
            question.request,
            latency_s=None if kept else latency,
            ttft_s=None if kept or first is None else first - began,
            cost_nano=0 if kept else cost,
        )


def nano_of(text: str | None) -> int | None:
    """Decimal text, such as `0.000001500`, as nano-units; None: it is none."""
    whole, _, part = (text or "").partition(".")
    if not whole.isdecimal() or not (part or "0").isdecimal():
        return None
    return int(whole) * NANO + int(part[:9].ljust(9, "0"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    code: str | None = None
    type: str | None = None
    gateway: dict[str, Any] = {}


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def _refused(status: int, told: Mapping[str, str], body: bytes) -> Heard:
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):  # an upstream's own, in whatever form
        error = _Error(body[:MAX_ERROR].decode("utf-8", "replace"))
    code = error.code or error.type or f"http_{status}"
    blame = str(error.gateway.get("blame", ""))
    failure = Failure(status=status, code=code, message=error.message[:MAX_ERROR], blame=blame)
    poor = not _POOR.isdisjoint((error.code, error.type))
    busy = status in _BUSY and not poor and told.get("x-should-retry") != "false"
    return Heard(
        failure=failure,
        call=told.get("x-request-id", ""),
        cost_nano=nano_of(told.get("x-gateway-cost-usd")) or 0,
        again_in_s=_wait(told) if busy else None,
    )


def _wait(told: Mapping[str, str]) -> float:
    """Seconds, as the answer asks for; dates, which nobody here sends, count as nothing said."""
    if (milliseconds := told.get("retry-after-ms", "")).isdecimal():
        return int(milliseconds) / 1000
    if (seconds := told.get("retry-after", "")).isdecimal():
        return float(seconds)
    return FIRST_WAIT_S


def _failure_of(fault: Fault) -> Failure:
    """The transport speaks of an upstream, which is the gateway here; or the stream told of one."""
    if isinstance(fault, UpstreamUnreachable):
        return Failure(status=0, code="gateway_unreachable", message="the gateway cannot be reached")
    if isinstance(fault, UpstreamTimeout):
        return Failure(status=0, code="timeout", message="the gateway did not answer in the time allowed")
    if isinstance(fault, UpstreamBroken):
        return Failure(status=0, code=fault.code, message=f"the answer broke off, or was none: {fault.message}")
    return Failure(status=fault.status, code=fault.code, message=fault.message[:MAX_ERROR], blame=fault.blame)
