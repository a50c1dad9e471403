"""Telling people about money in time: budgets that fill up, spending out of the ordinary, models without a price.

    watch.py     asks the ledger at intervals, in the parent process, off the data path
    budgets.py   anomalies.py   prices.py     what is found, as events: pure
    outbox.py    what was found, once each, and to whom it is still to be sent: `alerts.db` in the state folder
    sending.py   signed webhooks (Standard Webhooks), with patience; signing.py: their signature

Must never: tell the same thing twice of its own accord, follow a receiver to another host, send anything unsigned, or
keep a call waiting.

Why a file of its own: what was told belongs to the gateway that told it, not to the ledger; the ledger has one writer
already, and may be a database that replicas share. An event's id is made from what it is about, so replicas that each
find it send the same id, and receivers take it once.
"""
