"""An attempt begun, and one closed that did not serve the call."""

from gateway.core.attempt import RETRIES, Attempt, AttemptOutcome, Role
from gateway.core.call import Call, Served
from gateway.core.model import Permit


def begun(call: Call, permit: Permit, role: Role, now_ns: int) -> Attempt:
    """The call's next attempt, noted before anything is sent."""
    model = permit.model
    attempt = Attempt(
        n=len(call.attempts) + 1, role=role, started_ns=now_ns, provider=model.target.provider, target=model.place
    )
    call.attempts.append(attempt)
    return attempt


def closed(
    attempt: Attempt, served: Served, outcome: AttemptOutcome, now_ns: int, *, status: int = 0, error_code: str = ""
) -> None:
    """Close one whose answer no client gets. What it used all the same, the team does not pay."""
    attempt.outcome, attempt.status, attempt.error_code = outcome, status, error_code
    attempt.served_model, attempt.finish_reason = served.model, served.finish_reason
    attempt.upstream_request_id = served.request_id
    attempt.usage, attempt.usage_source = served.usage, served.usage_source
    attempt.raw_usage = raw_text(served.raw_usage)
    attempt.terms = served.terms
    attempt.duration_us = max(0, now_ns - attempt.started_ns) // 1000
    attempt.account = attempt.account or RETRIES


def raw_text(blocks: list[bytes]) -> str:
    """The provider's usage objects as one JSON text: the object, or an array of several."""
    if not blocks:
        return ""
    text = blocks[0] if len(blocks) == 1 else b"[" + b",".join(blocks) + b"]"
    return text.decode("utf-8", "replace")
