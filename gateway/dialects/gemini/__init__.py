"""Google's wire format: generateContent of the Gemini API and of Vertex AI, which share their bodies.

Source: https://ai.google.dev/api/generate-content and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference; where the two differ, the module says
so beside the code that copes.
"""
