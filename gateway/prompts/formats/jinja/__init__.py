"""Jinja templates, as far as Handlebars can say the same (jinja.palletsprojects.com/templates): values, conditions,
loops, and Prompty's subset of filters where they have a meaning there. The rest is refused, line by line: a prompt that
renders to something else than it used to is worse than one that has to be rewritten by hand.

Nothing is rendered here, and nothing of Jinja is installed: a template is cut (`lexer`), its expressions become trees
(`expressions`), and its statements pieces (`statements`).
"""

from gateway.prompts.formats.jinja.statements import Template, read_jinja

__all__ = ["Template", "read_jinja"]
