"""The words every other room speaks: calls, replies, faults, usage, money, principals, targets.

Must never: do I/O, import anything but the standard library and msgspec, or know a provider's name.

Invariants:
* A `Service` answers a `Call` with a `Reply` or raises a `Fault`; nothing else comes out of one.
* `Usage` holds disjoint meters: adding them up counts nothing twice.
* Money is an integer number of nano-units; no float ever holds an amount.
"""
