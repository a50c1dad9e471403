"""The fleet: upstreams that fail by script, and the tables by which routes, retries, fallback, hedging and mirroring
are judged.

A real gateway process stands in front of real upstream processes. Load is open-loop: calls are sent when their time has
come, whether or not earlier ones were answered, so that queues are seen. Beside the *subject*, whose upstreams fail,
runs a *control*: the same features on upstreams of its own that stay healthy, its calls sent in turn with the subject's.
Whatever else the machine does happens to both, so figures are ratios of the two.

Must never: import `gateway`'s router (it is measured from outside, as its users run it), or count an answer that is not
the one that was asked for.

    __main__ → running → load, control, routes         one scenario with one set of features
             → scenarios, bars → figures → report      what happens when, what is asked, how it is shown
    upstream (a process of its own) → modes, answers   what an upstream does, and what it answers
"""
