"""Where AWS credentials come from: given, or by botocore's chain against local stand-ins for AWS's own services."""

import datetime
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from token_server import TokenServer

from gateway.core.faults import NotConfigured, UpstreamUnreachable
from gateway.testing import HandClock
from gateway.transport.signing.authorizer import Bearer
from gateway.transport.signing.aws import AwsAuthorizer, AwsOptions, region_of
from gateway.transport.url import parse_url

URL = parse_url("https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse")
HEADERS = {"content-type": "application/json", "user-agent": "gateway", "x-amzn-bedrock-trace": "ENABLED"}


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any, whatever this one has."""
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def headers_of(options: AwsOptions, **changes: Any) -> dict[str, str]:
    return dict(await AwsAuthorizer(options, **changes).headers("POST", URL, HEADERS, b"{}"))


def until(seconds: float) -> str:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_given_keys() -> None:
    options = AwsOptions(access_key_id="AKID", secret_access_key="SECRET", session_token="TOKEN")
    headers = await headers_of(options, clock=HandClock(1_440_938_160.0))
    assert headers["x-amz-date"] == "20150830T123600Z"
    assert headers["x-amz-security-token"] == "TOKEN"
    signed = "content-type;host;x-amz-date;x-amz-security-token;x-amzn-bedrock-trace"
    assert "Credential=AKID/20150830/eu-west-1/bedrock/aws4_request" in headers["authorization"]
    assert f"SignedHeaders={signed}," in headers["authorization"], "what a proxy may change is not signed"
    assert "SECRET" not in repr(options)


async def test_a_large_body_gets_the_same_signature() -> None:
    options = AwsOptions(access_key_id="AKID", secret_access_key="SECRET")
    authorizer = AwsAuthorizer(options, HandClock(1_440_938_160.0))
    large = await authorizer.headers("POST", URL, HEADERS, b"x" * 2_000_000)
    assert large == await authorizer.headers("POST", URL, HEADERS, b"x" * 2_000_000)
    assert large != await authorizer.headers("POST", URL, HEADERS, b"x" * 2_000_001)


async def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert "Credential=AKENV/" in (await headers_of(AwsOptions()))["authorization"]


async def test_a_profile_and_its_region(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[team]\naws_access_key_id = AKPRO\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile team]\nregion = ap-south-1\n")
    here = parse_url("https://bedrock.internal.example/model/m/converse")
    headers = await AwsAuthorizer(AwsOptions(profile="team")).headers("POST", here, HEADERS, b"{}")
    assert "Credential=AKPRO/" in headers["authorization"]
    assert "/ap-south-1/bedrock/" in headers["authorization"]


async def test_a_bedrock_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1")
    assert await headers_of(AwsOptions()) == {"authorization": "Bearer bedrock-api-key-1"}
    assert await Bearer("k").headers("POST", URL, HEADERS, b"") == {"authorization": "Bearer k"}


async def test_a_container_role_and_its_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = [20, 7200]

    def keys(_: Any) -> tuple[int, Any]:
        end = until(lives[min(server.times("/role") - 1, 1)])
        return 200, {
            "AccessKeyId": f"AK{server.times('/role')}",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": end,
        }

    with TokenServer({"/role": keys}) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/role")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod")
        authorizer = AwsAuthorizer(AwsOptions())
        first = await authorizer.headers("POST", URL, HEADERS, b"{}")
        assert "Credential=AK2/" in first["authorization"], "what is about to expire is fetched anew"
        assert first["x-amz-security-token"] == "t"
        assert server.asked[0].headers["authorization"] == "pod"
        assert "Credential=AK2/" in (await authorizer.headers("POST", URL, HEADERS, b"{}"))["authorization"]
        assert server.times("/role") == 2


async def test_an_instance_role(monkeypatch: pytest.MonkeyPatch) -> None:
    base = "/latest/meta-data/iam/security-credentials/"
    said = {
        "Code": "Success",
        "AccessKeyId": "AKIMDS",
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": until(20_000),
    }
    routes: Any = {
        "/latest/api/token": lambda _: (200, "session"),
        base: lambda _: (200, "gateway-role"),
        f"{base}gateway-role": lambda _: (200, json.dumps(said)),
    }
    with TokenServer(routes) as server:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url + "/")
        assert "Credential=AKIMDS/" in (await headers_of(AwsOptions()))["authorization"]


async def test_a_web_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def assumed(asked: Any) -> tuple[int, Any]:
        form = parse_qs(asked.body.decode())
        assert form["WebIdentityToken"] == ["a.jwt"]
        return 200, (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKWEB</AccessKeyId>"
            f"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until(3600)}</Expiration>"
            "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        )

    (tmp_path / "jwt").write_text("a.jwt")
    with TokenServer({"/": assumed}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "jwt"))
        headers = await headers_of(AwsOptions())
    assert "Credential=AKWEB/" in headers["authorization"]


async def test_none_at_all_and_a_profile_that_is_not_there() -> None:
    with pytest.raises(NotConfigured, match="no AWS credentials"):
        await headers_of(AwsOptions())
    with pytest.raises(NotConfigured, match="ProfileNotFound"):
        await headers_of(AwsOptions(profile="nobody"))


async def test_a_role_that_cannot_be_had_is_told_without_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with TokenServer({"/role": lambda _: (500, "SECRET")}) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/role")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
            with pytest.raises((NotConfigured, UpstreamUnreachable)) as found:
                await headers_of(AwsOptions())
    assert "SECRET" not in found.value.message


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("vpce-0a1b2c-3d4e.bedrock-runtime.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("bedrock.internal.example", ""),
        ("127.0.0.1", ""),
    ],
)
def test_a_region_in_a_host(host: str, region: str) -> None:
    assert region_of(host) == region


async def test_without_a_region_it_is_asked_for() -> None:
    options = AwsOptions(access_key_id="AKID", secret_access_key="SECRET")
    here = parse_url("http://127.0.0.1:1/model/m/converse")
    with pytest.raises(NotConfigured, match="region"):
        await AwsAuthorizer(options).headers("POST", here, HEADERS, b"{}")
