"""OpenAI Chat Completions, translated: the client's dialect most apps speak, and most upstreams too.

Source: OpenAI's API reference, "Chat" and its streaming events. Where the reference has no field, the one most clients
already know is used: `reasoning_content` (DeepSeek) for thoughts, `reasoning_details` (OpenRouter) for signed ones,
`extra_content.google.thought_signature` (Google's OpenAI endpoint) for signed tool calls, `cache_control` (Anthropic's
word, as OpenRouter and LiteLLM take it) for cache marks.
"""
