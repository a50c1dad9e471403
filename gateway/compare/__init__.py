"""The same cases against several targets, and what may be said of the difference: `statistics`.

Must never: name a winner without an interval and the number of cases it rests on, or compare two arms on other cases
than those both of them answered.

Invariants: arms are compared case by case. A figure that cannot be had from the cases there are is refused with the
reason, never made up and never NaN.
"""
