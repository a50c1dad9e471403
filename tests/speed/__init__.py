"""The bench: how much this gateway costs beside a bare proxy, nginx, and rivals where installed.

One run on one machine; contestants take turns in rounds and medians count, since a machine's speed drifts. Absolute
figures vary from machine to machine: ratios and CPU per request are what the bars are about.

    core 0        the contestant under load, all its processes together
    other cores   the load generator and the mock upstream

Must never: install anything, import `gateway` (it is measured from outside, as its users run it), or count an answer
that was not complete, byte for byte.

    __main__ → bench → rounds → driving → load | wrk       who is measured, in which order, by what load
                     → contestants, gateway_contestant     how each is started
                     → mock_upstream, bare_proxy, otlp_sink    processes of their own (`python -m tests.speed.…`)
                     → figures → bars → report             what is kept, what is asked of it, how it is shown
"""
