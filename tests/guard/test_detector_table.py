"""Options as policies write them, and packages that are missing."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from gateway.guard.detectors import DETECTORS
from gateway.guard.words import Detector
from tests.conftest import ROOT
from tests.guard.scoring import OPTIONS, build

SENSIBLE: dict[str, dict[str, Any]] = {
    **{name: dict(options) for name, options in OPTIONS.items()},
    "json_schema": {"schema": {"type": "object"}},
    "language": {"allowed": ["en"]},
    "leak": {},
}


@pytest.mark.parametrize("name", DETECTORS)
def test_each_is_built_from_its_options_and_says_its_name(name: str) -> None:
    detector = build(name, SENSIBLE[name])
    assert detector.name == name
    assert list(detector.find("")) == []
    assert detector.open_from("") == 0
    assert list(detector.find("Good morning, how are you?" if name != "json_schema" else "{}")) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_an_unknown_option_is_an_error(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert({**SENSIBLE[name], "colour": 1}, DETECTORS[name].options)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("personal_data", {"countries": ["XX"]}, "`XX` is no country"),
        ("personal_data", {"regions": ["usa"]}, "`usa` is no region"),
        ("personal_data", {"entities": []}, "nothing would be looked for"),
        ("personal_data", {"entities": ["shoe_size"]}, "Invalid enum value"),
        ("deny", {}, "nothing would be found"),
        ("deny", {"words": [" "]}, "a word is empty"),
        ("deny", {"words": ["\u200b"]}, "a word is empty"),
        ("urls", {"hosts": ["https://example.com/"]}, "is no host"),
        ("prompt_injection", {"threshold": 2}, "threshold"),
        ("leak", {"max_similarity": 2}, "max_similarity"),
        ("json_schema", {"schema": {"type": "objekt"}}, "the schema is none"),
        ("json_schema", {"schema": {"$ref": "http://127.0.0.1:1/x"}}, "the schema is none"),
        ("language", {"allowed": ["klingon"]}, "`klingon` is no language"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_the_reason(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build(name, options)


@pytest.mark.parametrize(
    ("package", "name", "says"),
    [
        ("re2", "secrets", "guards"),
        ("phonenumbers", "personal_data", "guards"),
        ("stdnum", "personal_data", "guards"),
        ("jsonschema_rs", "json_schema", "guards"),
        ("py3langid", "language", "language"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package: str, name: str, says: str) -> None:
    """In an interpreter of its own, where the package cannot be imported."""
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import msgspec; from gateway.guard.detectors import DETECTORS, MissingExtra\n"
        f"known = DETECTORS[{name!r}]\n"
        f"try: known.build(msgspec.convert({SENSIBLE[name]!r}, known.options))\n"
        "except MissingExtra as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert f"pip install -e '.[{says}]'" in said.stdout


def test_names_need_presidio_and_say_so() -> None:
    script = (
        "import sys; sys.modules['presidio_analyzer'] = None\n"
        "from gateway.guard.detectors import DETECTORS, MissingExtra\n"
        "known = DETECTORS['personal_data']\n"
        "try: known.build(known.options(entities=('name',)))\n"
        "except MissingExtra as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "pip install presidio-analyzer" in said.stdout


def test_detectors_are_what_the_guard_asks() -> None:
    for name, options in SENSIBLE.items():
        detector: Detector = build(name, options)
        assert detector.whole is (name in ("json_schema", "language", "leak", "prompt_injection"))
