"""Cases as examples in a prompt: turns of the user and of the model, before the last message of the user.

What a case says goes in as text. Where it holds what a template would take for a tag, that is escaped, in ways that
every Handlebars knows: `\\{{` is two braces; and where a backslash stands before them, an empty comment between the two
keeps it from being taken for the escape.
"""

from collections.abc import Sequence

import msgspec

from gateway.compare.tuning.layout import BEGIN, END

# What other tools of dotprompt look for in texts, and take for a mark. Here it is text; there it would speak.
FOREIGN_MARK = "<<<dotprompt:"


class Example(msgspec.Struct, frozen=True):
    """`case`: whose it is. `asked`: the user's message, as the prompt makes it of the case. `answer`: a right one."""

    case: str
    asked: str
    answer: str

    @property
    def usable(self) -> bool:
        """Both turns say something, and neither is a mark anywhere."""
        return all(text.strip() and FOREIGN_MARK not in text for text in (self.asked, self.answer))


def as_text(data: str) -> str:
    """A piece of a template that makes exactly these characters, wherever a tag stands behind it; but for a newline
    that is put behind a last brace or backslash, and before a first brace, which would be a part of the tag there."""
    pieces: list[str] = []
    at = 0
    while (found := data.find("{{", at)) >= 0:
        pieces.append(data[at:found])
        pieces.append("\\{{! }}\\{{" if data[found - 1 : found] == "\\" and found else "\\{{")
        at = found + 2
    text = "".join([*pieces, data[at:]])
    if data.startswith("}"):
        text = f"\n{text}"
    return f"{text}\n" if data.endswith(("{", "\\")) else text


def block_of(examples: Sequence[Example]) -> str:
    """The examples as they stand in a template, between two comments by which they are found again."""
    turns = [
        f'{{{{role "user"}}}}{as_text(one.asked)}{{{{role "model"}}}}{as_text(one.answer.strip())}' for one in examples
    ]
    return f"{BEGIN}{''.join(turns)}{END}"
