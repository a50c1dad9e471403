"""A seeded simulation: clients, upstreams, disks, Redis, ledger and workers fail in any order, and every token is accounted for.

    python -m tests.simulation --runs 5000 [--seed 17]

Everything that decides is the real thing: endpoint, pipeline, provider, stream reader, journal files, drain, SQLite, and
with odd seeds the limits' connection to Redis and their Lua scripts. Only time, the networks to clients, upstreams and
Redis, and the commands of a Redis server are made, on an event loop whose clock jumps to the next
thing that happens. A run that fails prints its seed, and the seed alone brings the same run again.
"""
