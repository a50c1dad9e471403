"""Pairs of answers to one request, the caller's and a mirror's, kept so that models can be compared.

Must never: keep what its call's policy says is not to be kept, or be waited for by anybody.

Invariants:
* The store is bounded: by pairs, by bytes, by days; the oldest go first.
* It is written in a thread, and what waits to be written is bounded too: what has no room is left out and counted.
"""
