"""Prompts as versioned files: published once, never changed, and found by labels that move.

Must never: serve a version whose content is not the one that was published, tell a caller of prompts that it may not
use, or let one broken prompt harm another.

Invariants:
* A version never changes. What is published is written down in a lock beside it; what differs from its lock is refused.
* Readers see one snapshot (`Library`): a reload is one assignment, and calls under way keep what they resolved.
* Labels are append-only moves; the last one counts, and going back is one more.
"""
