"""Models and the terms they come on: for now the price book.

Must never: turn an unknown price into zero. A price of 0 has to be written out.

Invariants: money is integers; one rounding per call; a past record's cost never changes, because it is stored.
"""
