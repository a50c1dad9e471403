"""OpenAI's hosted prompts, which `/v1/prompts` serves until 30 November 2026, in and out.

OpenAI offers no way to export them (developers.openai.com/api/docs/guides/prompting/migrate-from-prompt-object): they
are copied from the dashboard. What is read here:

* the export file that Langfuse's migration guide made common (langfuse.com/resources/engineering/
  migrate-from-openai-prompts): `{"openai_prompt_id": "pmpt_…", "name": …, "production_version": "3", "versions":
  [{"version": "3", "messages": [{"role", "content"}], "config": {…}}]}`. It is what `export_openai` writes;
* one version alone: `{"id": "pmpt_…", "version": "3", "instructions": …, "messages" or "input": …, "model": …}`, with
  the settings beside or in `config`. A body of `POST /v1/responses` is that, too, without the id;
* an answer of the Responses API to a call with a prompt: its `instructions` are the template with the variables put in,
  and are taken out again where their values stand.
"""

from gateway.prompts.formats.openai.exporting import export_openai
from gateway.prompts.formats.openai.importing import import_openai

__all__ = ["export_openai", "import_openai"]
