"""The gateway's own HTTP/1.1 server: an asyncio protocol around llhttp, on the loop that answers the calls.

A server with a thread of its own hands each request over and wakes the loop, and each answer back: at 64 connections
that is half of what a bare proxy costs. Here the bytes are parsed where they arrive.

    listener.py    accepts, counts and ages connections
    connection.py  one connection: bytes in, requests in turn, how long it may take, how it ends
    requests.py    what a client's bytes say: requests, one after the other
    known_head.py  a head that is the one before it once more; pure
    exchange.py    one request and its answer, as ASGI sees them
    framing.py     an answer's head and pieces as bytes; pure
    target.py      a request's target, taken apart; pure
    tls.py         certificates, and the context of TLS
"""
