"""A seeded simulation: clients, upstreams, disks, ledger and workers fail in any order, and every token is accounted for.

    python -m tests.simulation --runs 5000 [--seed 17]

Everything that decides is the real thing: endpoint, pipeline, provider, stream reader, journal files, drain, SQLite. Only
time, the network to the upstream and the network to the client are made, on an event loop whose clock jumps to the next
thing that happens. A run that fails prints its seed, and the seed alone brings the same run again.
"""
