"""What a template is written in, and where in it something is wrong."""

from gateway.stores.yamltree import DocumentError


class TemplateError(DocumentError):
    """A template that cannot be used. `line` and `column` count from 1, in the file as its author sees it."""

    def __init__(self, file: str, line: int, column: int, reason: str) -> None:
        super().__init__(file, line, f"column {column}: {reason}")
        self.column = column


class Source:
    """Attributes:
    text: the template. file: what errors call it. first_line: of the file, the line that the template begins on.
    """

    __slots__ = ("file", "first_line", "text")

    def __init__(self, text: str, file: str, first_line: int = 1) -> None:
        self.text = text
        self.file = file
        self.first_line = first_line

    def error(self, at: int, reason: str) -> TemplateError:
        """An error about what stands at offset `at`."""
        line = self.text.count("\n", 0, at)
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        return TemplateError(self.file, self.first_line + line, column, reason)
