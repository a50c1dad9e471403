"""AWS Signature Version 4: the published vectors, and botocore's signer on what hypothesis thinks of."""

from datetime import UTC, datetime
from hashlib import sha256
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.signing.signature import AwsKeys, Scope, sign

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SERVICE = Scope("us-east-1", "service")
WHEN = "20150830T123600Z"
HOST = {"host": "example.amazonaws.com"}
FORM = {**HOST, "content-type": "application/x-www-form-urlencoded"}

# AWS Signature Version 4 test suite, and the example of the IAM User Guide.
VECTORS = {
    "get-vanilla": ("GET", "/", HOST, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-slashes": ("GET", "//", HOST, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-relative": ("GET", "/a/..", HOST, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-query-order-key-case": (
        "GET", "/?Param2=value2&Param1=value1", HOST, b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-empty-query-key": (
        "GET", "/?Param1=value1", HOST, b"", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    "get-utf8": ("GET", "/ሴ", HOST, b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "get-header-value-trim": (
        "GET", "/", {**HOST, "my-header1": " value1", "my-header2": ' "a   b   c"'}, b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": ("POST", "/", HOST, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-sort": (
        "POST", "/", {**HOST, "my-header1": "value1"}, b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        "POST", "/", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_vector(name: str) -> None:
    method, target, headers, body, signature = VECTORS[name]
    added = sign(KEYS, SERVICE, WHEN, method, target, headers, sha256(body).hexdigest())
    assert added["authorization"].endswith(f"Signature={signature}")
    names = ";".join(sorted([*headers, "x-amz-date"]))
    assert f"Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}," in added[
        "authorization"
    ]  # fmt: skip


def test_the_user_guides_example() -> None:
    headers = {"host": "iam.amazonaws.com", "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    target = "/?Action=ListUsers&Version=2010-05-08"
    added = sign(KEYS, Scope("us-east-1", "iam"), WHEN, "GET", target, headers, sha256(b"").hexdigest())
    assert added["authorization"].endswith("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_keys_do_not_show_in_a_traceback() -> None:
    assert "wJal" not in repr(KEYS)
    assert "TOKEN" not in repr(AwsKeys("AKID", "s", "TOKEN"))


words = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=12)
segments = st.one_of(
    st.sampled_from(["", ".", "..", "model", "converse-stream", "a~b_c-d.e", "*", "=&+@"]),
    words.map(lambda text: quote(text, safe="")),
    st.just(quote("arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0", safe="")),
)  # fmt: skip
paths = st.lists(segments, max_size=5).map(lambda names: "/" + "/".join(names))
queries = st.lists(st.tuples(words, words), max_size=4).map(
    lambda pairs: "&".join(f"{quote(a, safe='')}={quote(b, safe='')}" for a, b in pairs)
)
extras = st.dictionaries(
    st.sampled_from(["content-type", "x-amzn-bedrock-trace", "x-amz-meta", "accept"]),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20),
)


@given(
    st.sampled_from(["GET", "POST"]),
    paths,
    queries,
    extras,
    st.binary(max_size=50),
    st.sampled_from(["", "TOKEN/+="]),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
)
def test_the_same_as_botocores(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, token: str, when: datetime
) -> None:
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    target = path + (f"?{query}" if query else "")
    request = AWSRequest(method, f"https://{host}{target}", data=body, headers={**headers, "host": host})
    with mock.patch("botocore.auth.get_current_datetime", return_value=when.replace(tzinfo=UTC)):
        SigV4Auth(Credentials("AKID", "SECRET", token or None), "bedrock", "eu-west-1").add_auth(request)
    added = sign(
        AwsKeys("AKID", "SECRET", token),
        Scope("eu-west-1", "bedrock"),
        when.strftime("%Y%m%dT%H%M%SZ"),
        method,
        target,
        {**headers, "host": host},
        sha256(body).hexdigest(),
    )
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert added == {name: theirs[name] for name in added}
    assert ("x-amz-security-token" in added) == bool(token)
