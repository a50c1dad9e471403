"""The protocols that can be translated: any client's to any upstream's, through the words of `core/`."""

from collections.abc import Mapping

from gateway.dialects.anthropic import protocol as anthropic
from gateway.dialects.bedrock import protocol as bedrock
from gateway.dialects.chat import protocol as chat
from gateway.dialects.gemini import protocol as gemini
from gateway.dialects.responses import protocol as responses
from gateway.dialects.translation import ClientProtocol, UpstreamProtocol

CLIENTS: Mapping[str, ClientProtocol] = {
    "chat": chat.CLIENT,
    "messages": anthropic.CLIENT,
    "responses": responses.CLIENT,
    "generate": gemini.CLIENT,
    "generate-array": gemini.CLIENT_OF_ARRAYS,
}
UPSTREAMS: Mapping[str, UpstreamProtocol] = {
    "chat": chat.UPSTREAM,
    "messages": anthropic.UPSTREAM,
    "responses": responses.UPSTREAM,
    "generate": gemini.UPSTREAM,
    "converse": bedrock.UPSTREAM,
}
