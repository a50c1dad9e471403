"""What was asked of an upstream, what that used, and what it costs: the rows below a call's record."""

from typing import Literal

import msgspec

from gateway.core.settable import settable
from gateway.core.usage import UnixNs, Usage, Whole

# Why an upstream was asked: the call's first target, the same again, another in its place, a second one beside it, a
# answer that policy did not take asked for again, a copy that nobody waits for, a model that judges.
Role = Literal["primary", "retry", "fallback", "hedge", "repair", "mirror", "judge"]
# `refused`: nothing failed; it does not take this request.
AttemptOutcome = Literal["open", "completed", "refused", "failed", "cancelled", "interrupted"]
# `inconsistent`: the provider's parts do not add up to its own totals. It is priced, counted and marked.
UsageSource = Literal["none", "provider", "estimate", "inconsistent"]
Pricing = Literal["none", "priced", "unpriced"]
# Who pays what no team asked for. Each guard's judges have an account of their own within JUDGES: see `judges_of`.
RETRIES, MIRRORS, JUDGES = "gateway:retries", "gateway:mirrors", "gateway:judges"
_WITHIN = "/"


def judges_of(guard: str) -> str:
    """The account of what a guard's judges cost: `gateway:judges/pii`."""
    return f"{JUDGES}{_WITHIN}{guard}"


def account_kind(account: str) -> tuple[str, str]:
    """One of RETRIES, MIRRORS and JUDGES, and which guard's it is, if it is one's."""
    kind, _, guard = account.partition(_WITHIN)
    return kind, guard


class Terms(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What a price depends on besides what was used. All as the answer says, not as the request asked.

    Attributes:
        tier: the service tier that served, in OpenAI's words (`default`, `flex`, `priority`, `batch`, …); empty:
            not said.
        region: where it was served, where a provider prices that (Anthropic's `inference_geo`, a cloud's region).
        image_size, image_quality: of generated images, e.g. `1024x1024`, `high`.
        reported_nano: what the provider itself says that it costs, in nano-USD; None where it says nothing.
    """

    tier: str = ""
    region: str = ""
    image_size: str = ""
    image_quality: str = ""
    reported_nano: Whole | None = None


class Charge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One meter of one attempt. An attempt's charges are disjoint: a token is in one of them.

    Attributes:
        meter: a field of Usage, or `requests` (a fee for each), `gpu_us` (microseconds of the call, times the GPUs that
            it is priced by), `reported` (the provider's own figure for everything).
        rate, list_rate: nano-units of the book's currency for `per` units: as contracted and as published; None
            without a known price. A rate that is no whole number (an exchange rate, a discount) is rounded for showing;
            the cost is not made from it.
        nano, list_nano: what it costs. An attempt's sum is rounded once, half to even, and shared out among its
            charges by largest remainder, so that they add up to it.
    """

    meter: str
    quantity: Whole
    per: Whole = 1
    rate: Whole | None = None
    list_rate: Whole | None = None
    nano: Whole | None = None
    list_nano: Whole | None = None


@settable
class Attempt(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One upstream call. With the id of its record and `n` it is named for ever: that is its idempotency key. The order
    of the fields is that of the ledger's columns.

    Attributes:
        n: 1, 2, … in the order in which they were begun.
        served: the answer that the client got came from this one; the team pays for it.
        account: who pays instead of the team (`RETRIES`, `judges_of(guard)`, …); empty: the team.
        raw_usage: the provider's usage objects as they came, one JSON text: the object, or an array of several.
        price_version: `<digest of the book>/<entry>`. unpriced: why there is no price.
    """

    n: Whole = 1
    role: Role = "primary"
    started_ns: UnixNs = 0
    provider: str = ""
    target: str = ""
    served_model: str = ""
    outcome: AttemptOutcome = "open"
    status: Whole = 0
    error_code: str = ""
    finish_reason: str = ""
    upstream_request_id: str = ""
    usage_source: UsageSource = "none"
    raw_usage: str = ""
    ttfb_us: Whole | None = None
    duration_us: Whole = 0
    account: str = ""
    pricing: Pricing = "none"
    price_version: str = ""
    unpriced: str = ""
    served: bool = False
    terms: Terms = Terms()
    usage: Usage | None = None
    charges: tuple[Charge, ...] = ()

    @property
    def cost_nano(self) -> int | None:
        """What it costs, or None without a known price."""
        return self.costs[0]

    @property
    def list_nano(self) -> int | None:
        return self.costs[1]

    @property
    def costs(self) -> tuple[int, int] | tuple[None, None]:
        """What it costs as charged, and as published; without a known price neither."""
        if self.pricing != "priced":
            return None, None
        charged = listed = 0
        for charge in self.charges:
            charged += charge.nano or 0
            listed += charge.list_nano or 0
        return charged, listed
