"""Code that the model ran on Google's side, as text: the vocabulary has no word for it.

Source: https://ai.google.dev/gemini-api/docs/code-execution.
"""

from gateway.core.conversation import Json
from gateway.dialects.reading import words


def as_text(name: str, block: Json) -> str:
    """An `executableCode` or a `codeExecutionResult` as a fenced block, on lines of its own."""
    if name == "executableCode":
        language = words(block, "language").lower()
        return f"\n```{'' if language == 'language_unspecified' else language}\n{words(block, 'code').rstrip()}\n```\n"
    outcome = words(block, "outcome").removeprefix("OUTCOME_").lower()
    failed = f" {outcome}" if outcome not in ("", "ok", "unspecified") else ""
    return f"\n```output{failed}\n{words(block, 'output').rstrip()}\n```\n"
