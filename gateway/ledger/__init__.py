"""One record per identified call: journal, drain, store, reports.

    worker:  Journal ──▶ state/journal/*.jnl ──▶  parent:  Drainer ──▶ LedgerStore ──▶ reports, decisions
                                                              SqliteLedger (store.py) or PostgresLedger (postgres.py)
                                                  a backlog is encoded by a process of its own (aside.py)

What is said of answers goes the same way, and meets its call when it is read (`feedback/`).

What a record becomes is pure and the same for both: rows.py, counted.py, chain.py. Reports read either by reading.py.

Must never: change a record once it is in the store, price anything, count a call without a known price as free, or
drop a line in silence.

Invariants:
* Once a call's closed line is written to the journal it survives `kill -9`, and it is in the store exactly once: rows
  are inserted by id, and how far a segment is consumed is stored in the same transaction.
* What was decided on is counted by the hour in the transaction that inserts the calls (`rollup.py`), so the sums are
  what the calls add up to at every moment; `gateway ledger verify` shows it.
* A segment is removed only after the commit that consumed all of it, and only when its writer will never write to it.
* A call that was opened and never closed is in the store once, as interrupted, when its writer is dead.
* Journals take no more of the disk than they may; a store that is away costs time, and no call waits for it.
* What cannot be read is set aside in `quarantine/`, counted and logged before the offset moves past it.
"""
