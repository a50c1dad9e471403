"""What is said of the interpreter that a bench runs on."""

import platform

import pytest

from tests.speed.interpreter import compiled_for_speed, interpreter


@pytest.mark.parametrize(
    ("configure", "prefix", "fast"),
    [
        ("'--enable-optimizations' '--with-lto'", "/usr/local", True),
        ("'--enable-shared' '--prefix=/usr'", "/usr", True),
        ("'--enable-shared'", "/home/me/.pyenv/versions/3.11.7", False),
        ("", "/opt/python", False),
    ],
)
def test_an_interpreter_without_profiles_is_known(configure: str, prefix: str, *, fast: bool) -> None:
    assert compiled_for_speed(configure, prefix) is fast


def test_its_version_is_said() -> None:
    assert interpreter().startswith(f"CPython {platform.python_version()} below /")
