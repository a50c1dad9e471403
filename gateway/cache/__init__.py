"""Stored replies: the same question, asked again by somebody who may share the answer, is answered without an upstream.

cache.yaml → `document`, `loading` → CachePolicy (`rules`): which calls, for how long, shared by whom
a call → `keys`: its key; `directives`: what the caller wants; `storing`: whether its answer may be kept
`entries` an answer as it is kept → `memory` in this process, `redis_entries` in Redis → `tiers` both, as the step asks
`flights` one upstream call for many that ask the same at once → `sharing` its stream, read by all of them

Must never: give an answer to a caller outside the scope that its rule names, keep what a policy says may not be kept,
or make a call fail that would have been answered without a cache.

Invariants:
* A key holds everything that the answer depends on: what is asked, by which policy, of which targets, for which scope.
* Memory is bounded in bytes, whatever is stored. A store that is away is a miss, after a bounded wait.
* Only whole answers are kept: no error, no cut stream.
"""
