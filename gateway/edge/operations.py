"""Every endpoint that carries a model call, of all client dialects."""

from collections.abc import Mapping

from gateway.core.call import Operation
from gateway.dialects.anthropic.operations import OPERATIONS as ANTHROPIC
from gateway.dialects.gemini.operations import ARRAY_STREAM
from gateway.dialects.gemini.operations import OPERATIONS as GEMINI
from gateway.dialects.openai.operations import OPERATIONS as OPENAI

OPERATIONS: tuple[Operation, ...] = (*OPENAI, *ANTHROPIC, *GEMINI)
# What the last part of a path names, where the model stands before it; and streams that are no event streams.
BY_METHOD: Mapping[str, Operation] = {one.path.rpartition(":")[2]: one for one in GEMINI}
STREAM_METHOD = ARRAY_STREAM.path.rpartition(":")[2]
ARRAY_STREAM_PATH = f"{ARRAY_STREAM.path}?"

__all__ = ["ARRAY_STREAM", "ARRAY_STREAM_PATH", "BY_METHOD", "OPERATIONS", "STREAM_METHOD"]
