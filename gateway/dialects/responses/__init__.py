"""OpenAI's Responses API, as a client's dialect and as an upstream's.

Source: OpenAI's API reference, "Responses" and "Streaming events".
"""
