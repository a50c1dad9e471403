"""Rates, tokens and concurrency: pure arithmetic over frozen rules, carried out by counters.

Must never: lose a hold. Whatever becomes of a call, its reservation is settled once.

Invariants:
* All rules that match a call admit it, or none of them counts it.
* In any window aligned to the rule's clock at most `limit` is admitted; in any other stretch of one window's length at
  most twice that, and with steady traffic no more than the limit (see `windows.py`).
"""
