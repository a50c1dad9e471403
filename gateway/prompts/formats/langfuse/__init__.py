"""Langfuse's prompt management, in and out."""

from gateway.prompts.formats.langfuse.exporting import export_langfuse
from gateway.prompts.formats.langfuse.importing import import_langfuse

__all__ = ["export_langfuse", "import_langfuse"]
