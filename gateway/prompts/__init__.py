"""Prompts as files: templates whose meaning is data, and can be proven before a call needs them.

`handlebars` is the template language, logic-less and compiled once; `dotprompt` reads `.prompt` files with it: front
matter, schemas of variables, and a body that becomes messages. DOTPROMPT.md says how such a file is written.

Must never: run code that a template or a variable holds, look at an attribute of a Python object, let a variable make
or end a message, or let a template take more time or memory than its caller allows.

Invariants:
* A file that can be read can be rendered: unknown helpers, missing partials and cycles are found when it is read.
* A message begins where the template says so, and nowhere else: boundaries are objects and never pass through text.
* Rendering depends on the file, its partials and the variables alone: no clock, no randomness, no files.
"""
