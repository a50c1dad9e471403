"""Which target a call goes to.

Must never: reach a target that `access` has not permitted for this call, or send half an
answer's rest to another model.

Invariants: the choice is a pure function of what is permitted and configured; carrying it out is one `await`.
"""
