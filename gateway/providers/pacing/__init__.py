"""What leaves for one upstream, when, and whose call goes next.

    call ──▶ gate of its model ──▶ gate of its provider ──▶ upstream
             (configured, learned)  (configured)

A gate lets calls through while nothing stands against it, and keeps the rest in a fair queue, bounded in length and in
time. `queue`, `meters`, `concurrency`, `told`, `lane` decide, and know neither a clock nor a loop; `gate` and `pacer`
carry it out.

Must never: believe an upstream without bounds, keep a call that has gone, or cost anything where there is nothing to
keep to.
"""
