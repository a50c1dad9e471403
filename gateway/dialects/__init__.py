"""Wire formats: bytes to words and back.

Must never: do I/O, read a clock, or know a tenant. Everything here is a function of its input.

Invariants:
* Arbitrary bytes into a decoder give a value or a declared `Fault`, never another exception, never an endless loop.
* What a dialect does not know it leaves alone: unknown fields and events come out as the bytes that went in.

A dialect that can be translated has these files, as far as it needs them:

    requests.py   decode_request(body: Json, model, stream) -> ChatRequest     strict: BadRequest names the field
                  encode_request(request: ChatRequest, quirks: Quirks) -> dict
    answers.py    decode_answer(body: bytes) -> Answer                         lenient: what is known is taken
                  encode_answer(answer: Answer, caption: Caption) -> bytes
    events.py     Decoder: feed(bytes) -> list[Event], end() -> list[Event]    any cut gives the same events
                  Encoder(caption, request): encode(event: Event) -> bytes     bytes of whole wire events, maybe none
    usage.py      read_usage(block) -> Usage, write_usage(usage) -> dict
    errors.py     decode_error(status, headers, body) -> UpstreamFault
                  error_body(fault, request_id), error_event(fault, request_id), error_headers(fault)
    abilities.py  ABILITIES: what an upstream of the dialect can express
"""
