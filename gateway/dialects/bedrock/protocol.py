"""Converse as a row of the table of protocols. It streams at another path than it answers whole."""

from gateway.dialects.bedrock.abilities import ABILITIES
from gateway.dialects.bedrock.answers import decode_answer
from gateway.dialects.bedrock.errors import decode_error
from gateway.dialects.bedrock.events import Decoder
from gateway.dialects.bedrock.requests import encode_request
from gateway.dialects.bedrock.thinking import adapt
from gateway.dialects.translation import UpstreamProtocol

UPSTREAM = UpstreamProtocol(encode_request, decode_answer, Decoder, decode_error, ABILITIES, adapt)
