"""Chat Completions as rows of the table of protocols."""

from gateway.dialects.chat.abilities import ABILITIES
from gateway.dialects.chat.answers import decode_answer, encode_answer
from gateway.dialects.chat.chunks import Encoder
from gateway.dialects.chat.events import Decoder
from gateway.dialects.chat.requests import decode_request, encode_request
from gateway.dialects.openai.errors import decode_error
from gateway.dialects.translation import ClientProtocol, UpstreamProtocol

CLIENT = ClientProtocol(
    decode_request,
    lambda answer, caption, _: encode_answer(answer, caption),
    lambda caption, request, _: Encoder(caption, request),
)
UPSTREAM = UpstreamProtocol(encode_request, decode_answer, Decoder, decode_error, ABILITIES)
