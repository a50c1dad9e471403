"""Cases out of what callers have asked: of calls whose content is kept, of teams that let cases be made of it.

Must never: read what was said by a team that has not consented, give out a text that was not looked through for secrets
and personal data, or call variables what the text does not say for sure.

Invariants: variables are read back out of the text that a prompt made of them, and count only if the prompt makes the
same text of them again, and if no other variables do.
"""
