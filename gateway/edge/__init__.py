"""The way in: the only room that knows HTTP requests, Starlette and the server.

Must never: judge, count or route a call (that is the pipeline's), or answer anything but `/health/*` to somebody
without a credential.

Invariants:
* Whatever happens to a call, its endings run exactly once, and before the last byte of its answer is sent.
* No answer to a client holds a traceback; no wait for a client is without a bound.
"""
