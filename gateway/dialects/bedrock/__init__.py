"""Amazon Bedrock Runtime: Converse and ConverseStream as an upstream's dialect, and Claude by InvokeModel.

Source: AWS's "Amazon Bedrock Runtime API Reference" (Converse, ConverseStream, ContentBlock, TokenUsage, …) and the
"Amazon Bedrock User Guide" (inference parameters of each maker's models, prompt caching, structured output).

Converse is one form for models of many makers, but not all of it goes to all of them: `makers.py` knows whose model a
name means, and what its maker wants under `additionalModelRequestFields`.
"""
