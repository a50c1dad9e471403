"""Anthropic Messages as rows of the table of protocols."""

from gateway.dialects.anthropic.abilities import ABILITIES
from gateway.dialects.anthropic.answers import decode_answer, encode_answer
from gateway.dialects.anthropic.errors import decode_error
from gateway.dialects.anthropic.events import Decoder
from gateway.dialects.anthropic.message_events import Encoder
from gateway.dialects.anthropic.requests import decode_request, encode_request
from gateway.dialects.anthropic.thinking import adapt
from gateway.dialects.translation import ClientProtocol, UpstreamProtocol

CLIENT = ClientProtocol(
    decode_request,
    lambda answer, caption, _: encode_answer(answer, caption),
    lambda caption, request, _: Encoder(caption, request),
)
UPSTREAM = UpstreamProtocol(encode_request, decode_answer, Decoder, decode_error, ABILITIES, adapt)
