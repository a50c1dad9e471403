"""What may be said of a comparison: intervals, tests, verdicts, plans. Standard library only, no I/O, no clock.

| question | file |
|---|---|
| how many pass? what is the mean? | `proportions`, `means` (`skewness`, `clusters`), `quantiles`, `resampling` |
| is the candidate better, on the same cases? | `paired` (`tango`, `mcnemar`, `permutation`), `verdicts` |
| how many cases will it take? | `planning` |
| which of many comparisons count? | `families` |
| which answers do people, or a judge, prefer? | `preferences`, `bradley_terry` (`matrices`), `swaps` |
| what is the judge worth? | `agreement`, `judging` |
| which arm is worth its price? | `frontier` |
| may we look while it runs? whom to send how much traffic? | `betting`, `trials`, `allocation`, `best_arm` |

Must never: return NaN, an interval without its estimate in it, or a figure that the data do not bear (`errors`).

Invariants: pure; the same numbers and seed give the same answer. Swapping candidate and baseline turns every sign and
nothing else. README.md says which method is used when, from where it is, and how often it was measured to be right.
"""
