"""Prompty, Microsoft's `.prompty` files: both versions in, the second out."""

from gateway.prompts.formats.prompty.exporting import export_prompty
from gateway.prompts.formats.prompty.importing import import_prompty

__all__ = ["export_prompty", "import_prompty"]
