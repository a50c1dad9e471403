"""`ledger:` in config.yaml."""

from pathlib import Path

import pytest

from gateway.config import missing_extras, read_config
from gateway.stores.documents import DocumentError


def read(folder: Path, ledger: str, **environment: str):
    (folder / "config.yaml").write_text(f"state_dir: state\n{ledger}\n")
    return read_config(folder / "config.yaml", environment)


def test_the_ledger_is_in_the_state_folder_unless_a_url_is_given(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert (settings.ledger.file, settings.ledger.options.url) == (tmp_path / "state" / "ledger.db", None)
    given = read(tmp_path, "ledger: {url: '${env:LEDGER_URL}'}", LEDGER_URL="postgresql://u:hunter2@db/ledger")
    assert given.ledger.options.url == "postgresql://u:hunter2@db/ledger"
    assert "hunter2" not in repr(given.config.ledger)


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        ("ledger: {url: 'mysql://u:hunter2@h/d'}", "must start with postgresql://"),
        ("ledger: {read_url: 'postgresql://u:hunter2@h/d'}", "ledger.url, which is not given"),
        ("ledger: {retention_months: 0}", "retention_months"),
        ("ledger: {retention_month: 3}", "retention_months"),
        ("journal: {max_bytes: 0}", "max_bytes"),
        ("ledger: {connect_timeout_s: 99999999999999999999}", "connect_timeout_s"),
        ("ledger: {report_timeout_s: 1e30}", "report_timeout_s"),
        ("journal: {fsync_interval_s: 1e30}", "fsync_interval_s"),
        ("redis: {url: 'redis://a', db: -1}", "redis.db"),
        ("redis: {url: 'redis://a', connect_s: 0}", "redis.connect_s"),
        ("redis: {url: 'redis://a', connect_s: 1e30}", "redis.connect_s"),
        ("drain: {interval_s: 1e30}", "interval_s"),
        ("alerts: {interval_s: 1e30}", "interval_s"),
        ("metering: {noted: {run_header: Authorization}}", "holds a credential"),
        ("metering: {noted: {tags: {headers: {x-api-key: who}}}}", "holds a credential"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_secrets(tmp_path: Path, ledger: str, said: str) -> None:
    with pytest.raises(DocumentError, match=r"config\.yaml:2") as caught:
        read(tmp_path, ledger)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_url_that_the_environment_does_not_hold_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    (told,) = missing_extras(read(tmp_path, "ledger: {url: '${env:LEDGER_URL}'}"))
    assert "ledger.url is empty" in told.reason
    assert missing_extras(read(tmp_path, "ledger: {url: '${env:LEDGER_URL}'}", LEDGER_URL="postgresql://h/d")) == []


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ledger.options.find_spec", lambda name: None)
    (told,) = missing_extras(read(tmp_path, "ledger: {url: 'postgresql://h/d'}"))
    assert "pip install -e '.[postgres]'" in told.reason
