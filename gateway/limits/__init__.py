"""Rates, tokens, concurrency and money: pure arithmetic over frozen rules, carried out by counters.

limits.yaml → `document`, `loading` → LimitPolicy (`rules`) → bounds on a call (`bounds`) → counters: in this process
(`local`, `lanes`), or in Redis (`redis_counters`: `plans` → `asking`, `settling`, `tending`, `leases`; `away` when it
is).

Must never: lose a hold. Whatever becomes of a call, its reservation is settled once.

Invariants:
* All bounds on a call admit it, or none of them counts it.
* In any window aligned to its slices a bound admits its maximum at most; see `windows.py` for other stretches. Calls
  under way cannot overshoot it: their estimates are reserved. See `local.py` for what can.
* The clock going back gives nobody anything twice.
"""
