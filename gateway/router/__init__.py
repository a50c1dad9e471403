"""Aliases, and which target a call goes to.

Must never: reach a model that `access` has not allowed under the name the caller asked for, or send half an answer's
rest to another model.

Invariants: the choice is a pure function of what is configured; carrying it out is one `await`.
"""
