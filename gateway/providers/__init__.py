"""A provider is endpoint + credentials + dialect + profile, and a Service.

Must never: decide who may call, retry, or name a provider in an `if`: what is special about one stands as data in its
row of `profiles.py`.

Invariants:
* A credential goes to its own provider's base URL and nowhere else; redirects are faults.
* Bytes the gateway has no business with pass unchanged, both ways.
* An answer's connection is closed or pooled exactly once, by an ending.
"""
