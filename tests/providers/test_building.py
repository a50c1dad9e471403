"""What a provider needs that may not be there."""

import pytest

from gateway.providers.building import missing_extra
from gateway.providers.options import ProviderOptions
from gateway.transport.signing.aws import AwsOptions
from gateway.transport.signing.entra import EntraOptions

NEEDY = {
    "aws": ProviderOptions(kind="bedrock", region="eu-west-1"),
    "google": ProviderOptions(kind="vertex", project="p", location="global"),
    "azure": ProviderOptions(kind="azure", base_url="https://x.example", entra=EntraOptions()),
}
CONTENT = {
    "a key": ProviderOptions(kind="bedrock", region="eu-west-1", api_key="k"),
    "AWS keys": ProviderOptions(kind="bedrock", aws=AwsOptions(access_key_id="a", secret_access_key="b")),
    "no cloud": ProviderOptions(kind="openai"),
}


@pytest.mark.parametrize("extra", NEEDY)
@pytest.mark.parametrize("how", ["absent", "not even its parent"])
def test_an_extra_that_is_not_installed_is_named(extra: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        if how != "absent":
            raise ModuleNotFoundError(name)

    assert missing_extra(NEEDY[extra]) == ""
    monkeypatch.setattr("gateway.providers.building.find_spec", absent)
    assert missing_extra(NEEDY[extra]) == extra


@pytest.mark.parametrize("name", CONTENT)
def test_who_needs_none_misses_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.providers.building.find_spec", lambda name: None)
    assert missing_extra(CONTENT[name]) == ""
