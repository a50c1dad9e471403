"""Responses as rows of the table of protocols."""

from gateway.dialects.openai.errors import decode_error
from gateway.dialects.responses.abilities import ABILITIES
from gateway.dialects.responses.answers import decode_answer, encode_answer
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.requests import decode_request, encode_request
from gateway.dialects.responses.response_events import Encoder
from gateway.dialects.translation import ClientProtocol, UpstreamProtocol

CLIENT = ClientProtocol(decode_request, encode_answer, Encoder)
UPSTREAM = UpstreamProtocol(encode_request, decode_answer, Decoder, decode_error, ABILITIES)
