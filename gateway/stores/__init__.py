"""Connections, never meaning: declared files, state files, SQLite, PostgreSQL.

Must never: know what a tenant, a price or a call is. A room hands in its types and its SQL; this room opens, reads,
migrates, watches and reports where something is wrong.

Invariants:
* A document either becomes a whole, typed, frozen value or a `DocumentError` that names file, line and nearest word.
* A state file that holds a secret is created with mode 0600 and replaced atomically.
"""
