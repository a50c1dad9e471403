"""OpenAI's evals: data, criteria, runs, and what came of each row, kept per tenant ([EVALS.md](EVALS.md)).

Must never: hand anything to another tenant than its own, write a caller's key to a disk, run code that a criterion
brings, or keep what policy wants nothing kept of.

Invariants:
* Everything is found by its id and its tenant together; another tenant's is as absent as one that never was.
* A run's calls go through the whole pipeline as the caller who made it: a key that was revoked meanwhile is refused.
* A run ends once: whoever ends it first (its worker, who cancels it, who finds its worker gone), the others find it so.
* No run stays `in_progress` for ever: its worker says once a second that it is at it, and is missed if it does not.
"""
