"""generateContent as rows of the table of protocols."""

from gateway.dialects.gemini.abilities import ABILITIES
from gateway.dialects.gemini.answers import decode_answer, encode_answer
from gateway.dialects.gemini.errors import decode_error
from gateway.dialects.gemini.events import Decoder, Encoder
from gateway.dialects.gemini.requests import decode_request, encode_request
from gateway.dialects.translation import ClientProtocol, UpstreamProtocol

CLIENT = ClientProtocol(
    decode_request,
    lambda answer, caption, _: encode_answer(answer, caption),
    lambda caption, request, _: Encoder(caption, request),
)
# For a client that streams without `alt=sse`.
CLIENT_OF_ARRAYS = ClientProtocol(
    decode_request,
    lambda answer, caption, _: encode_answer(answer, caption),
    lambda caption, request, _: Encoder(caption, request, array=True),
    "application/json; charset=utf-8",
)
UPSTREAM = UpstreamProtocol(encode_request, decode_answer, Decoder, decode_error, ABILITIES)
