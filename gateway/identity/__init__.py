"""Who is calling: keys, declared tenants and teams, operators' credentials.

Must never: keep, log or show a key in clear after the moment it was made, or ask a store on the hot path.

Invariants:
* A key is stored as its SHA-256. With 256 bits of randomness there is nothing to guess, so no slow hash is needed.
* Unknown, malformed, expired and revoked keys are one and the same answer: None.
* With the store away, keys that were known go on working; a revoked key stops within a second everywhere.
"""
