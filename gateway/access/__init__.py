"""May this principal use this model for this? Rules in a file, one pure decision, an explanation as its result.

Must never: allow by accident. No rule, no file, no match: refused.

Invariants:
* Deny overrides allow; the order of rules never matters.
* The same question gets the same answer until the rules change.
"""
