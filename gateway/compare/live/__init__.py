"""Live traffic compared: calls that a die sent to one arm or another, or to a mirror besides, and how the arms differ.

| question | file |
|---|---|
| what is measured of a call? | `measures` |
| which calls are set against each other? | `units`, `pairing` |
| how do the arms differ, whenever one looks? | `contrasts`, `comparing` |
| how many, how quick, how dear is each arm? | `tallying`, `sketch` |
| what is shown | `results`, `saying` |

Must never: read a store or a clock, compare calls whose arm was chosen by how calls went unless it is known with what
probability, or claim anything before it has seen as many as it must.

Invariants: pure. What is claimed may be looked at after every call: of all claims of one comparison together, a false
one is ever made with a probability of 1 - level at most (LIVE.md says how that was measured).
"""
