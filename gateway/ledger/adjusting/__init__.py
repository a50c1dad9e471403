"""Adjustments: what was priced wrongly is priced again, by adding records of the difference.

    repricings         one row a correction: who asked for it, why, when, by which price book
    adjustments        one row a call to an upstream that costs something else by it: the difference
    adjusted_charges   what was charged, taken back (sign -1), and what is charged instead (sign 1), meter by meter

Must never: change a call, an attempt or a charge; price anything itself (`app.py` and the command line pass the price
book as a function).

Invariants: cost = what the call cost + its adjustments. A later correction is a difference to what stands then, so the
same one twice adds nothing. Roll-ups get the difference in the transaction that adds the rows. While the call's month
is open it is booked in the call's hour; when that is closed, in the hour of the correction, under a price version that
says of which day it is (`standing.late_version`). Every correction is sealed into the chain.
"""
