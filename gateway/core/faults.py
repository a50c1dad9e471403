"""One tree for everything that can go wrong, drawn here.

    Fault
    ├── CallerFault            the request itself is wrong
    │   ├── BadRequest         400  cannot be read, or a field has the wrong type
    │   ├── Unauthenticated    401  no credential, or none we know
    │   ├── NotFound           404  no such path, model or object
    │   ├── MethodNotAllowed   405
    │   ├── RequestTimeout     408  the request's own body came too slowly
    │   ├── Conflict           409  an administrator's change that cannot be made now
    │   ├── TooLarge           413
    │   │   └── HeadersTooLarge 431
    │   └── NotKept            504  a kept answer or none was asked for, and there is none (RFC 9111, 5.2.1.7)
    ├── PolicyFault            the request is fine; the organisation says no
    │   ├── NotAllowed         403
    │   ├── ContentBlocked     400  a guard objects to what is said
    │   └── RateLimited        429
    │       └── BudgetExhausted 429  a limit on money: trying again does not help
    ├── UpstreamFault          the model's side failed: the only kind that may trip a breaker or cause a fallback
    │   ├── UpstreamRefused    …    its own 4xx/5xx answer, where it is translated: carries its status and blame
    │   ├── UpstreamUnreachable 502  refused, reset, name not resolved, TLS failed: nothing was answered
    │   ├── UpstreamResting    503  it failed lately: it is not asked for a while
    │   ├── UpstreamBroken     502  answered, but not in its protocol (half a body, HTML, bad events, a redirect)
    │   └── UpstreamTimeout    504  connect, first byte, idle or total time is over
    └── OwnFault               our side failed
        ├── Internal           500  a bug: the message never holds details, the log does
        ├── NotConfigured      503  the model exists, but its provider has no credential here
        ├── TargetTakenOut     503  an operator of ours has taken it out: it is not asked until it is put back
        ├── Overloaded         503  a bounded queue is full
        │   ├── UpstreamBusy   429  an upstream's limits leave no room in time: it was not asked
        │   └── Shed           503  turned away at once, so that the calls under way are answered in time
        ├── Unrecorded         503  the call cannot be written down, and is not made
        └── ShuttingDown       503

An upstream's own 4xx/5xx *answer* to a client of its own dialect is not a fault: it is a `Reply`, passed on faithfully.
"""

from collections.abc import Mapping
from typing import Literal

Blame = Literal["caller", "policy", "upstream", "own"]


class Fault(Exception):
    """What is answered instead of a reply. `message` is shown to the caller: no secrets, no content, and what to do.

    Attributes:
        param: the request field at fault, as a client would write it (`messages[0].role`), or None.
        headers: extra response headers (`retry-after`), names in lower case.
        details: machine-readable extras for the error body's `gateway` object.
    """

    status: int = 500
    code: str = "internal_error"
    blame: Blame = "own"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers: Mapping[str, str] = headers or {}
        self.details: Mapping[str, object] = details or {}
        if code is not None:
            self.code = code


class CallerFault(Fault):
    status = 400
    code = "invalid_request"
    blame = "caller"


class BadRequest(CallerFault):
    pass


class Unauthenticated(CallerFault):
    status = 401
    code = "invalid_api_key"


class NotFound(CallerFault):
    status = 404
    code = "not_found"


class MethodNotAllowed(CallerFault):
    status = 405
    code = "method_not_allowed"


class RequestTimeout(CallerFault):
    status = 408
    code = "request_timeout"


class Conflict(CallerFault):
    status = 409
    code = "conflict"


class TooLarge(CallerFault):
    status = 413
    code = "request_too_large"


class HeadersTooLarge(TooLarge):
    status = 431
    code = "request_headers_too_large"


class NotKept(CallerFault):
    status = 504
    code = "not_cached"


class PolicyFault(Fault):
    status = 403
    code = "policy_refused"
    blame = "policy"


class NotAllowed(PolicyFault):
    code = "model_not_allowed"


class ContentBlocked(PolicyFault):
    status = 400
    code = "content_blocked"


class RateLimited(PolicyFault):
    status = 429
    code = "rate_limit_exceeded"


class BudgetExhausted(RateLimited):
    code = "budget_exhausted"


class UpstreamFault(Fault):
    status = 502
    code = "upstream_error"
    blame = "upstream"


class UpstreamRefused(UpstreamFault):
    """An upstream's error answer. A 400 is the caller's to mend, whoever found it."""

    code = "upstream_refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        blame: Blame = "upstream",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, headers=headers, details=details)
        self.status = status
        self.blame = blame


class UpstreamUnreachable(UpstreamFault):
    code = "upstream_unreachable"


class UpstreamResting(UpstreamFault):
    status = 503
    code = "upstream_resting"


class UpstreamBroken(UpstreamFault):
    code = "upstream_protocol_error"


class UpstreamTimeout(UpstreamFault):
    status = 504
    code = "upstream_timeout"


class OwnFault(Fault):
    pass


class Internal(OwnFault):
    pass


class NotConfigured(OwnFault):
    status = 503
    code = "provider_not_configured"


class TargetTakenOut(OwnFault):
    status = 503
    code = "upstream_taken_out"


class Overloaded(OwnFault):
    status = 503
    code = "overloaded"


class UpstreamBusy(Overloaded):
    status = 429
    code = "engine_overloaded"


class Shed(Overloaded):
    """Nothing was done for the call, and nothing is counted: the record says `refused`."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after_s)})


class Unrecorded(OwnFault):
    status = 503
    code = "metering_unavailable"


class ShuttingDown(OwnFault):
    status = 503
    code = "shutting_down"
