"""Reconciliation: what a provider says that it served and what it asks for, against what the ledger holds.

    files         which export a file is, by its content, and its tables and pages
    openai, anthropic, aws, focus_rows   one provider's formats each, as lines of one shape
    stated        that shape: what was stated, for a day, a model and a meter
    models        names of models that mean the same, as a table
    booked        the ledger's side: every call to the provider, whoever pays for it
    comparing     the differences, each with a word for what it is

Must never: change anything; guess that two models are one because their names are alike; use a float.

Invariants: a day is a day of UTC. What an export does not tell is not compared; that it tells 0 is something else.
"""
