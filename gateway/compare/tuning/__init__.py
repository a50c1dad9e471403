"""Prompts tuned by their cases: better instructions, and examples, that held-out cases prove or do not prove.

Must never: publish anything, show a held-out case to a search, change of a prompt what is not its words, or call better
what the held-out cases do not call better.

The way of it: `parts` (cases, divided once and for all) → `evaluating` (a candidate asked cases, each question once) →
`reflective` (gepa's search, in a thread of its own; `reflecting` asks for new words, `workshop` refuses what is none)
and `bootstrapping` (examples) → `tuner` (the best of them against the start, on the held-out cases) → `evidence`.
"""
