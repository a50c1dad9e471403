"""Every endpoint that carries a model call, of all client dialects."""

from gateway.core.call import Operation
from gateway.dialects.anthropic.operations import OPERATIONS as ANTHROPIC
from gateway.dialects.openai.operations import OPERATIONS as OPENAI

OPERATIONS: tuple[Operation, ...] = (*OPENAI, *ANTHROPIC)
