"""Running models on this machine: weights fetched and verified, engines started, watched, restarted, stopped.

Must never: start weights whose digest is not the declared one, run code out of a weights archive, or leave an engine
behind when the gateway is gone.

Invariants:
* An engine's life is the table in `life.py`; what to do next is a pure function of state, event and time.
* Other users of the machine cannot use an engine behind the gateway's back: each start has a random key, passed by a
  pipe.
"""
