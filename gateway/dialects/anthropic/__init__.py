"""Anthropic's Messages API, as a client's dialect and as an upstream's.

Source: Anthropic's API reference, "Messages", "Streaming Messages", "Extended thinking", "Prompt caching", "Errors".
The same bodies, but for a field or two, go to Claude on Bedrock (InvokeModel) and on Vertex (rawPredict).
"""
