"""Handlebars, as its language guide tells it (handlebarsjs.com/guide), logic-less, without HTML's escapes.

A source is cut into texts and tags (`lexer`), white space around tags goes where the language says so (`whitespace`),
the rest is a tree (`parser` → `nodes`). It is examined, together with its partials, when a file is read (`examining`,
`language`), and becomes closures when it is rendered first (`compiling`). Running them (`running`) makes pieces of text
and, between them, marks: objects that helpers put there.

Left out, because their meaning could not be known from the file: decorators but `inline`, partials whose name is
computed, and helpers beyond those that the caller hands in. What a template may look at are entries of mappings, and
items and `length` of lists and texts.
"""

from gateway.prompts.handlebars.language import Language, Template
from gateway.prompts.handlebars.running import Limits, Output, RenderError, Run
from gateway.prompts.handlebars.sources import Source, TemplateError
from gateway.prompts.handlebars.words import Condition, Function, Writer

__all__ = [
    "Condition",
    "Function",
    "Language",
    "Limits",
    "Output",
    "RenderError",
    "Run",
    "Source",
    "Template",
    "TemplateError",
    "Writer",
]
