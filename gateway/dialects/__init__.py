"""Wire formats: bytes to words and back.

Must never: do I/O, read a clock, or know a tenant. Everything here is a function of its input.

Invariants:
* Arbitrary bytes into a decoder give a value or a declared `Fault`, never another exception, never an endless loop.
* What a dialect does not know it leaves alone: unknown fields and events come out as the bytes that went in.
"""
