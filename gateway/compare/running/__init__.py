"""Suites of cases asked of several arms, paired, graded and compared.

Must never: ask one arm what it does not ask the others, ask anything twice that is written down, or call a difference
decided that its interval does not decide.

Invariants:
* Every arm gets the same cases and the same number of repeats, in one order that the seed gives.
* A trial is written down before it is counted; a run that is killed goes on where its journal ends.
* Money is asked for before it is spent: what is under way and what comes next stays below the ceiling, by what
  answers have cost so far.

The way of a run: `plan` (what is asked, in which order) → `run` (asks, grades, writes down) → `results_of` (what was
found). Who answers is a callable, `Ask`: over HTTP for the command line, in the process for the gateway's own runs.
"""
