"""Prompts of other formats, in and out: OpenAI's hosted prompts, Langfuse's, Prompty's, promptfoo's, MLflow's.

Pure: texts go in, texts of files and notes come out. A source is read into pieces (`pieces`), which no format writes,
and written from them: as a `.prompt` file (`handlebars`, `drafts`), which is read back as the gateway will read it, or
as what the other format has. Whatever does not pass as it is leaves a note; what would come to say something else is
refused, by its line and construct, and with everything else that stands in the way.

Must never: change in silence what a prompt says, read or write a file, or run a template.

Invariants:
* A text in comes out of rendering the same, character by character, whatever braces and backslashes it has.
* A file that comes out can be read by the gateway.
"""

from collections.abc import Callable, Mapping, Sequence

from gateway.prompts.formats.converted import ConversionError, Converted, NewVersion, Note
from gateway.prompts.formats.drafts import Free
from gateway.prompts.formats.exporting import Exported
from gateway.prompts.formats.files import File
from gateway.prompts.formats.langfuse import export_langfuse, import_langfuse
from gateway.prompts.formats.mlflow import import_mlflow
from gateway.prompts.formats.openai import export_openai, import_openai
from gateway.prompts.formats.promptfoo import import_promptfoo
from gateway.prompts.formats.prompty import export_prompty, import_prompty

__all__ = [
    "EXPORTERS",
    "IMPORTERS",
    "ConversionError",
    "Converted",
    "Exported",
    "File",
    "NewVersion",
    "Note",
]

# Files, the name of the prompt (empty for its own), and the number that the next version of a prompt gets, for formats
# that count none.
Importer = Callable[[Sequence[File], str, Free], Converted]

IMPORTERS: Mapping[str, Importer] = {
    "openai": lambda files, name, _: import_openai(files, name=name),
    "langfuse": lambda files, name, _: import_langfuse(files, name=name),
    "prompty": lambda files, name, free: import_prompty(files, name=name, free=free),
    "promptfoo": lambda files, name, free: import_promptfoo(files, name=name, free=free),
    "mlflow": lambda files, name, _: import_mlflow(files, name=name),
}
EXPORTERS: Mapping[str, Callable[[Exported], Converted]] = {
    "openai": export_openai,
    "langfuse": export_langfuse,
    "prompty": export_prompty,
}
