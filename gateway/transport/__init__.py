"""The way out: one pooled HTTP client behind one seam, timeouts, and the map from its errors to faults.

Must never: follow a redirect (a credential would go with it), decompress or buffer what it passes on, read the
environment's proxy settings, or let a foreign exception out.

Invariants:
* The first byte of an answer is handed on when it arrives.
* Closing an exchange closes or pools its connection at once, without awaiting anything.
"""
