"""Where labels are kept, as config.yaml says it."""

import json
from pathlib import Path

import pytest

from gateway.config import missing_to_start, read_config
from gateway.prompts.labels.options import LabelPlace, PromptOptions
from gateway.stores.documents import DocumentError

SECRET = "postgresql://gateway:very-secret@db/prompts"


def read(folder: Path, **prompts: object) -> tuple[Path, dict[str, str]]:
    path = folder / "config.yaml"
    path.write_text(json.dumps({"prompts": prompts}))
    return path, {"URL": SECRET}


def test_without_a_word_they_are_in_the_state_folder(tmp_path: Path) -> None:
    settings = read_config(*read(tmp_path))
    assert settings.labels == LabelPlace(
        tmp_path / ".gateway/prompts.db", tmp_path / ".gateway/prompts.snapshot", PromptOptions()
    )
    assert settings.labels.name == str(tmp_path / ".gateway/prompts.db")
    assert settings.prompts_dir == tmp_path / "policies/prompts"
    assert missing_to_start(settings) == []


def test_a_url_comes_from_the_environment_and_is_shown_nowhere(tmp_path: Path) -> None:
    settings = read_config(*read(tmp_path, url="${env:URL}", statement_timeout_s=3))
    assert (settings.labels.options.url, settings.labels.options.statement_timeout_s) == (SECRET, 3)
    assert settings.labels.name == "in PostgreSQL"
    assert "very-secret" not in repr(settings.labels)
    assert "very-secret" not in repr(settings.config)


def test_a_url_that_the_environment_does_not_hold_is_told_to_who_starts(tmp_path: Path) -> None:
    path, _ = read(tmp_path, url="${env:NOTHING}")
    settings = read_config(path, {})
    assert "prompts.url is empty" in missing_to_start(settings)[0].reason


def test_a_url_of_another_kind_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"prompts\.url must start with postgresql://") as found:
        read_config(*read(tmp_path, url="mysql://gateway:very-secret@db/prompts"))
    assert "very-secret" not in str(found.value)
    with pytest.raises(DocumentError, match="unknown key `urll`; did you mean `url`"):
        read_config(*read(tmp_path, urll="x"))
