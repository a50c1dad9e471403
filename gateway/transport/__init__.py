"""The way out: one pooled HTTP/1.1 client behind one seam, its timeouts, and the map from errors to faults.

Must never: follow a redirect (a credential would go with it), decompress or buffer what it passes on, read the
environment's proxy settings, or let a foreign exception out.

Invariants:
* A piece of an answer is handed on when it arrives; a reader that pauses pauses the upstream.
* Closing an exchange, or cancelling whoever waits for it, closes its connection at once, without awaiting anything.

Why our own client: it was measured against the ready-made ones. The fastest of them goes on with a request, and its
costs, after the task that waits for it is cancelled before the headers have come; the others cost two to forty times
as much a call. What a gateway needs of HTTP/1.1 as a client is small, and the parser is a library's (llhttp).
"""
