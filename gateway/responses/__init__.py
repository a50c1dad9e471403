"""Stored responses: what `store` of the Responses API promised, kept per tenant until it expires or is deleted.

Must never: hand a response to another tenant than its own, or keep one after its time.

Invariants:
* A response is found by its id and its tenant together; another tenant's is as absent as one that never was.
* It is stored before the client has the last byte of it, so that the next turn finds it.
* Going on with a response keeps all it goes back to: a conversation never loses its beginning while it is alive.
"""
