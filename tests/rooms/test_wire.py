"""The wire formats: nothing held back, nothing changed, nothing but declared faults whatever the bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.call import Served
from gateway.core.faults import BadRequest, Fault, UpstreamBroken
from gateway.core.usage import Usage
from gateway.dialects.openai.answers import read_answer, rename_model
from gateway.dialects.openai.body import model_and_stream, read_json
from gateway.dialects.openai.multipart import form_model_and_stream, read_multipart
from gateway.dialects.openai.operations import OPERATIONS
from gateway.dialects.openai.streams import StreamReader
from gateway.dialects.openai.usage import read_usage
from gateway.dialects.sse import Framer, data_of, split
from gateway.edge.asgi import encode_headers


def test_a_header_stays_on_its_line() -> None:
    told = encode_headers([("x-gateway-warning", "old\r\nset-cookie: a=b"), ("x-name", "Łódź é")])
    assert told == [(b"x-gateway-warning", b"old  set-cookie: a=b"), (b"x-name", "?ód? é".encode("latin-1"))]


ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from([b"data: x", b"data:y", b": ping", b"event: e", b"id: 1", b'data: {"a": 1}'])


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    end = draw(ENDS)
    return [end.join(draw(st.lists(LINES, min_size=1, max_size=3))) + end + end for _ in range(draw(st.integers(1, 5)))]


@given(streams(), st.lists(st.integers(1, 9), max_size=60))
def test_any_cutting_gives_the_same_events_and_holds_back_none_that_is_whole(
    events: list[bytes], cuts: list[int]
) -> None:
    whole, framer, got, at = b"".join(events), Framer(), b"", 0
    for cut in [*cuts, len(whole)]:
        got += framer.feed(whole[at : at + cut])
        at += cut
        arrived = whole[:at]
        complete = max(
            (sum(map(len, events[:n])) for n in range(len(events) + 1) if sum(map(len, events[:n])) < len(arrived)),
            default=0,
        )
        assert len(got) >= complete, "an event followed by anything is whole and passed on"
        assert whole.startswith(got)
    assert got + framer.take_rest() == whole


@given(streams())
def test_splitting_and_joining_changes_nothing(events: list[bytes]) -> None:
    batch = b"".join(events)
    assert b"".join(split(batch)) == batch
    assert [data_of(event) for event in split(batch)] == [data_of(event) for event in events]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"), (b"data:x\n\n", b"x"), (b"data:  x\n\n", b" x"), (b"data: a\ndata: b\n\n", b"a\nb"), (b": c\n\n", None),
        (b"event: e\ndata: x\r\n\r\n", b"x"), (b"data\n\n", b""), (b"database: x\n\n", None), (b"data: \n\n", b""),
    ],
)  # fmt: skip
def test_the_data_of_an_event(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


@given(st.binary(max_size=400), st.lists(st.integers(1, 7)))
def test_arbitrary_bytes_raise_nothing_but_faults(data: bytes, cuts: list[int]) -> None:
    reader, framer = StreamReader(Served(), lambda: 0.0, strip_usage=True, alias="a"), Framer()
    try:
        for batch in (framer.feed(data), framer.take_rest()):
            if batch:
                reader(batch)
    except Fault:
        pass
    for read in (
        lambda: model_and_stream(read_json(data)),
        lambda: form_model_and_stream(read_multipart(data, b"multipart/form-data; boundary=x")),
    ):
        try:
            read()
        except BadRequest:
            pass
    try:
        read_answer(data, OPERATIONS[0], {}, Served())
    except UpstreamBroken:
        pass


NAMES = st.text(alphabet="abcdefxyz_", min_size=1, max_size=6).filter(lambda name: name not in ("model", "stream"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.text(min_size=1, max_size=9))
def test_only_what_is_changed_changes(fields: dict[str, object], model: str) -> None:
    body = read_json(json.dumps({**fields, "model": "alias"}).encode())
    assert json.loads(body.encode({"model": model})) == {**fields, "model": model}


@pytest.mark.parametrize(
    "text",
    ["1.0", "1E5", "1e400", "123456789012345678901234567890", "-0.0", '"\\u00e9\\/"', "[ 1 ,2 ]", '{"a":1,"a":2}'],
)
def test_untouched_values_keep_their_very_bytes(text: str) -> None:
    body = read_json(b'{"model":"a","x":' + text.encode() + b"}")
    assert body.encode({"model": "b"}) == b'{"model":"b","x":' + text.encode() + b"}"


def test_a_name_that_stands_twice_is_sent_as_it_was_judged() -> None:
    body = read_json(b'{"model":"allowed-first","model":"judged"}')
    assert model_and_stream(body)[0] == "judged"
    assert body.encode({}) == b'{"model":"judged"}'


@pytest.mark.parametrize(
    ("said", "unclear"),
    [
        ('[{"content":"x","content":"y"}]', True),
        ('[ {"a": {"b": [{"c": 1, "\\u0063": 2}]}} ]', True),
        ('[{"content":"x"},{"content":"y"}]', False),
        ('[ {"content": "\\u0041", "n": 1.0} ]', False),
    ],
)
def test_an_object_with_a_name_twice_is_seen_at_any_depth(said: str, unclear: bool) -> None:
    body = read_json(b'{"model":"a","messages":' + said.encode() + b"}")
    found = body.unclear({"model": "a", "absent": 1, "messages": body.get("messages")})
    assert found == ("messages" if unclear else "")


@given(st.binary(max_size=300), st.text(alphabet="abc-.", min_size=1, max_size=10))
def test_a_form_goes_up_with_only_its_model_changed(sound: bytes, model: str) -> None:
    def form(name: str) -> bytes:
        parts = [
            b'content-disposition: form-data; name="model"\r\n\r\n' + name.encode(),
            b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n' + sound,
        ]
        return b"".join(b"--bound-1\r\n" + part + b"\r\n" for part in parts) + b"--bound-1--\r\n"

    if b"--bound-1" in sound:
        return
    fields = read_multipart(form("alias"), b"multipart/form-data; boundary=bound-1")
    assert form_model_and_stream(fields) == ("alias", False)
    assert fields.encode({"model": model}) == form(model)


FORM = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\na\r\n--b'


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (FORM + b"--\r\n", b"multipart/form-data", "boundary"),
        (FORM, b"multipart/form-data; boundary=b", "cut short|line break"),
        (b"preamble\r\n" + FORM + b"--", b"multipart/form-data; boundary=b", "start with"),
        (FORM + FORM.removeprefix(b"--b") + b"--", b"multipart/form-data; boundary=b", "twice"),
        (FORM + b"--", b"multipart/form-data; boundary=b; boundary=c", "nothing else"),
        (FORM + b"--", b"multipart/form-data; xboundary=c; boundary=b", "nothing else"),
        (FORM + b"--", b'multipart/form-data; x="boundary=c"; boundary=b', "nothing else"),
        *[
            (
                FORM + b"\r\n" + head + b"\r\n\r\nevil\r\n--b--",
                b"multipart/form-data; boundary=b",
                "form-data|field|twice",
            )
            for head in (
                b'content-disposition: form-data; name="model"; filename=""',
                b'content-disposition: form-data; name="Model"',
                b'content-disposition: form-data; name="zz"; name="model"',
                b"content-disposition: form-data; name=\"zz\"; name*=utf-8''model",
                b'content-disposition: form-data; name="mo\\del"',
                b'content-disposition: form-data; x="; filename=y"; name="model"',
                b'content-disposition: form-data; name="model"\r\nx-a: b; filename=c',
                b'content-type: text/plain; name="zz"\r\ncontent-disposition: form-data; name="zz"\r\ncontent-disposition: form-data; name="model"',
                b'x: y\ncontent-disposition: form-data; name="model"',
                b'content-disposition: form-data; name="prompt"; filename="x"',
                b'content-disposition: form-data; name="Prompt"',
                b'content-disposition: form-data; name="prompt"\r\ncontent-transfer-encoding: quoted-printable',
                b'content-disposition: form-data; name="prompt"\r\ncontent-type: text/plain; charset=utf-16',
                b'content-disposition: form-data; name="prompt"\r\n\r\none\r\n--b\r\ncontent-disposition: form-data; name="prompt"',
            )
        ],
    ],
)
def test_a_form_that_could_be_read_in_two_ways_is_refused(body: bytes, kind: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_multipart(body, kind)


@pytest.mark.parametrize(
    "head",
    [
        b'content-disposition: form-data; name="prompt"',
        b'Content-Type: text/plain; charset=ISO-8859-1\r\ncontent-disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: 8bit',
        b'content-disposition: form-data; name="prompt"\r\ncontent-type: text/plain;charset="UTF-8"\r\ncontent-length: 1',
    ],
)
def test_a_form_s_text_is_read_however_long(head: bytes) -> None:
    body = FORM + b"\r\n" + head + b"\r\n\r\n" + b"x" * 100_000 + b"\r\n--b--"
    assert read_multipart(body, b"multipart/form-data; boundary=b").get("prompt") == "x" * 100_000


@pytest.mark.parametrize("body", [
    b'{"model": "a", "Model": "b"}', b'{"model": "a", "stream": false, "STREAM": true}',
    '{"model": "a", "ſtream": true, "stream": false}'.encode(),
])  # fmt: skip
def test_names_that_some_upstreams_take_for_one_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="upper and lower case"):
        read_json(body)


def test_half_a_surrogate_pair_is_read_and_passed_on() -> None:
    """Some upstreams end a piece of text inside a character."""
    event = rb'data: {"choices": [{"index": 0, "delta": {"content": "\ud83d"}}]}' + b"\n\n"
    assert StreamReader(Served(), lambda: 0.0)(event) == event
    answer = rb'{"model": "m\ud83d", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}'
    served = Served()
    read_answer(answer, OPERATIONS[0], {}, served)
    assert (served.model, served.usage) == ("m\ufffd", Usage(input_tokens=3, output_tokens=1))


def test_what_an_upstream_calls_itself_is_kept_in_bounds() -> None:
    served = Served()
    long = b"m" * 1_000_000
    read_answer(b'{"model": "%s", "choices": [{"finish_reason": "%s"}]}' % (long, long), OPERATIONS[0], {}, served)
    assert (len(served.model), len(served.finish_reason)) == (256, 256)


def test_usage_parts_never_exceed_their_whole() -> None:
    usage = read_usage(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 99, "audio_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 7},
        }
    )
    assert (usage.total_input, usage.cached_input_tokens, usage.input_audio_tokens) == (10, 10, 0)
    assert (usage.total_output, usage.reasoning_tokens) == (5, 5)


def test_more_reasoning_than_completion_is_beside_it() -> None:
    usage = read_usage({"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 50}})
    assert (usage.output_tokens, usage.reasoning_tokens) == (5, 50)


def test_reasoning_outside_completion_is_told_by_the_sum() -> None:
    block = {
        "prompt_tokens": 12,
        "completion_tokens": 2,
        "total_tokens": 334,
        "completion_tokens_details": {"reasoning_tokens": 320},
    }
    assert read_usage(block).total_output == 322


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "prompt_tokens",
                "completion_tokens",
                "total_tokens",
                "input_tokens",
                "output_tokens",
                "cached_tokens",
                "seconds",
                "type",
            ]
        ),
        VALUES,
    )
)
def test_odd_usage_blocks_count_nothing_negative(block: dict[str, object]) -> None:
    usage = read_usage(block)
    assert all(getattr(usage, name) >= 0 for name in usage.__struct_fields__)


def test_renaming_touches_members_only_never_text() -> None:
    text = json.dumps(
        {"model": "/weights/x", "text": 'he said "model":"/weights/x"', "nested": {"model": "/weights/x"}}
    ).encode()
    renamed = json.loads(rename_model(text, "/weights/x", "alias"))
    assert renamed == {"model": "alias", "text": 'he said "model":"/weights/x"', "nested": {"model": "alias"}}
