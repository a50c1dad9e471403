"""Prompts as versioned files: published once, never changed, found by labels that move; and what such a file means.

`handlebars` is the template language, logic-less and compiled once; `dotprompt` reads `.prompt` files with it: front
matter, schemas of variables, and a body that becomes messages. DOTPROMPT.md says how such a file is written. `library`
is all prompts at one moment; `loading` reads them, `labels` keeps where labels stand, `feed` follows both. `formats`
brings prompts of other tools here, and ours there.

Must never: run code that a template or a variable holds, look at an attribute of a Python object, let a variable make
or end a message, or let a template take more time or memory than its caller allows; serve a version whose content is
not what was published, tell a caller of prompts that it may not use, or let one broken prompt harm another.

Invariants:
* A file that can be read can be rendered: unknown helpers, missing partials and cycles are found when it is read.
* A message begins where the template says so, and nowhere else: boundaries are objects and never pass through text.
* Rendering depends on the file, its partials and the variables alone: no clock, no randomness, no files.
* A version never changes. What is published is written down in a lock beside it; what differs from its lock is refused.
* Readers see one snapshot (`Library`): a reload is one assignment, and calls under way keep what they resolved.
* Labels are append-only moves; the last one counts, and going back is one more.
"""
