"""OpenAI's wire format: endpoints, request bodies, usage, event streams, errors.

Source: the OpenAI API reference and its published OpenAPI document; where compatible providers differ, the module
says so beside the code that copes.
"""
