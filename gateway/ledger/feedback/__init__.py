"""What is said of answers: found its call, kept, joined to what the call was and cost.

    worker:  finding.py   whose call is it? the journals first, then the ledger
             Journal ──▶ state/journal/*.jnl ──▶ parent: the drainer ──▶ table `feedback`
    reports: rating.py    beside the columns of a report

A statement and its call meet when they are read, by the call's id *and* by tenant and team: so either may be in the
store first, and what somebody says of calls that are not his own counts nowhere.

Must never: give away whether a call that is not the asker's own exists, or show a text where numbers are asked for.
"""
