"""Which targets a call goes to, in which order, and what happens when one fails.

Must never: reach a target that `access` has not permitted for this call, ask another model after the first byte of an
answer, or make more upstream calls than the retry budget allows.

Invariants: the choice is a pure function of a snapshot and a die (`plans.py`), what comes after a failure one of the
failure (`trying.py`, `troubles.py`), a target's health a table (`breaker.py`); two files carry that out: `sending.py`
one attempt, `router.py` one call.
"""
