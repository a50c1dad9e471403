"""`.prompt` files (google/dotprompt): front matter, a template, and what becomes of both.

`reading` reads a file: its keys (`front_matter`), its schemas (`picoschema`), its body. `prompt` is what is read; it
renders variables to messages (`messages`) with the helpers of the format and two of our own (`helping`). `checking`
judges variables by the schema first.

Upstream, a boundary between messages is a text such as `<<<dotprompt:role:system>>>` that helpers write into the
output, and that is looked for when it is done: a variable that holds it makes a message. Here it is an object that
stands between pieces of text, so that no text means anything.
"""

from gateway.prompts.dotprompt.checking import VariablesError, check
from gateway.prompts.dotprompt.judging import Problem
from gateway.prompts.dotprompt.messages import (
    DataPart,
    Media,
    MediaPart,
    Message,
    Part,
    PendingPart,
    Role,
    TextPart,
    ToolRequestPart,
    ToolResponsePart,
)
from gateway.prompts.dotprompt.prompt import Prompt
from gateway.prompts.dotprompt.reading import read
from gateway.prompts.handlebars import Limits, RenderError, TemplateError

__all__ = [
    "DataPart",
    "Limits",
    "Media",
    "MediaPart",
    "Message",
    "Part",
    "PendingPart",
    "Problem",
    "Prompt",
    "RenderError",
    "Role",
    "TemplateError",
    "TextPart",
    "ToolRequestPart",
    "ToolResponsePart",
    "VariablesError",
    "check",
    "read",
]
