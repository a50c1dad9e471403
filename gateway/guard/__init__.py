"""Looking at what goes in and comes out, and judging it: pass, annotate, redact, block.

Must never: log or keep a text that it looked at, decide by the clock, or change a byte of what it does not object to.

Invariants: a detector is a pure function of a text; what a guard does with what was found is a row of its policy; an
enforcing guard that cannot look (its service is away, its model fails) does what its policy says, never by accident.
"""
