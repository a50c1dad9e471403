"""One record per identified call: journal, drain, store, reports.

Must never: change a record once it is in the store, price anything, or count a call without a known price as free.

Invariants:
* Once a call's closed line is written to the journal it survives `kill -9`, and it is in the store exactly once: rows
  are inserted by id and the journal's offset is stored in the same transaction.
* A journal file is removed only after the commit that consumed all of it.
"""
