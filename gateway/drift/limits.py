"""Drift of limits: raises that are over."""

from collections.abc import Iterator

from gateway.drift.finding import Finding, Page
from gateway.policyset import PolicySet
from gateway.stores.documents import Text


def limit_drift(policies: PolicySet, text: Text, now: float) -> Iterator[Finding]:
    """`text`: of limits.yaml."""
    page = Page(text.name, text.data)
    for one in policies.limits.expired(now):
        reason = f"the raise of `{one.limit_id}` by {one.owner} ended on {one.until}, and does nothing any more"
        path = ("limits", one.limit, "raises", one.raised, "until")
        yield page.finding("raise_over", path, reason, "take it out, or renew it")
