"""Schemas that editors check declared files by: they say what the reader says."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.cli import main
from gateway.cli.schema import KINDS, schema_text
from gateway.config import substitute
from gateway.stores.documents import DocumentError, open_document, parse_document
from gateway.stores.schemas import described, schema_of
from tests.conftest import ROOT
from tests.stores.fuzzing import GOOD, cases

SHIPPED = ROOT / "policies" / "schemas"
# What the reader says of unknown keys, wrong types, unknown words and missing keys, and a schema can say as well.
STRUCTURAL = re.compile(r"unknown key|expected (?!`)|is not a word for this|is missing; it is|has no value")


def validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads(schema_text(kind))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def plain(text: bytes) -> Any:
    """The file's content as JSON has it."""

    def jsonable(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: jsonable(one) for key, one in value.items()}
        if isinstance(value, list):
            return [jsonable(one) for one in value]
        return float(value) if isinstance(value, Decimal) else value

    return jsonable(parse_document(text, "f.yaml", Any))  # type: ignore[arg-type]


def kind_of(path: Path) -> str:
    """By the line that editors read."""
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
    assert found is not None, f"{path} begins with the line that names its schema"
    schema = (path.parent / found[1]).resolve()
    assert schema.is_file()
    assert schema.parent == SHIPPED
    return schema.name.removesuffix(".schema.json")


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_schemas_are_printed_anew(kind: str) -> None:
    shipped = (SHIPPED / f"{kind}.schema.json").read_text()
    assert shipped == schema_text(kind), "run: gateway schema --write policies/schemas"


def test_no_other_schemas_are_shipped() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {f"{kind}.schema.json" for kind in KINDS}


DECLARED = [ROOT / "config.yaml", *(ROOT / "policies").rglob("*.yaml")]


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_declared_files_name_their_schema_and_keep_to_it(path: Path) -> None:
    validator(kind_of(path)).validate(plain(path.read_bytes()))


@pytest.mark.parametrize("kind", KINDS)
def test_reader_and_schema_agree(kind: str) -> None:
    """What is read keeps to the schema. What is refused for its structure does not."""
    check = validator(kind)
    read = refused = 0
    for case in cases(kind, seed=7, nodes=1500, texts=200):
        try:
            content = plain(case.text)
        except DocumentError:
            continue
        try:
            open_document(case.text, "f.yaml", KINDS[kind].shape, lambda text: substitute(text, {"KEY": "k"}))
        except DocumentError as error:
            if not STRUCTURAL.search(error.reason):
                continue
            said = str(error)
        else:
            said = ""
        read, refused = read + (not said), refused + bool(said)
        assert check.is_valid(content) == (not said), f"{case.name}: {said or list(check.iter_errors(content))}"
    assert read > 50
    assert refused > 150


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_unknown_passes_and_nothing_points_elsewhere(kind: str) -> None:
    schema = json.loads(schema_text(kind))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["title"]
    references = re.findall(r'"\$ref": "([^"]+)"', schema_text(kind))
    assert {f"#/$defs/{name}" for name in schema["$defs"]} == set(references)
    assert '"$id"' not in schema_text(kind)


def test_texts_of_config_may_refer_to_the_environment_and_numbers_may_not() -> None:
    check = validator("config")
    assert check.is_valid({"telemetry": {"log": {"format": "${env:FORMAT}"}}, "state_dir": "${file:/run/x}"})
    assert not check.is_valid({"telemetry": {"log": {"format": "txt"}}})
    assert not check.is_valid({"server": {"port": "${env:PORT}"}})
    with pytest.raises(DocumentError, match="expected a whole number, got a text"):
        open_document(b"server: {port: '${env:PORT}'}", "f", KINDS["config"].shape, lambda text: "8080")
    assert not validator("access").is_valid(
        {"rules": [{"id": "a", "effect": "${env:E}", "owner": "o", "reason": "r"}]}
    ), "policies know no environment"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`a`: one; `b`:
    another."""

    a: int = 0
    b: int | None = None


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it is.

    Attributes:
        price, more: money; per month
            or year. class: of what. not_a_field: stays with it.
        inner: as such
        on: a day
    """

    price: Decimal
    more: Decimal | None = None
    class_: str = msgspec.field(default="x", name="class")
    inner: Inner = Inner()
    rest: tuple[Inner | None, ...] = ()


def test_a_schema_in_full() -> None:
    made = schema_of(Outer, "outer.yaml")
    money = {"type": ["number", "string"], "pattern": made["properties"]["price"]["pattern"]}
    assert made == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "outer.yaml",
        "description": "What it is.",
        "type": "object",
        "required": ["price"],
        "additionalProperties": False,
        "properties": {
            "price": {"description": "money; per month or year.", **money},
            "more": {"description": "money; per month or year.", **money},
            "class": {"description": "of what. not_a_field: stays with it.", "default": "x", "type": "string"},
            "inner": {"description": "as such on: a day", "$ref": "#/$defs/Inner"},
            "rest": {"type": "array", "items": {"$ref": "#/$defs/Inner"}},
        },
        "$defs": {
            "Inner": {
                "title": "Inner",
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "a": {"description": "one", "default": 0, "type": "integer"},
                    "b": {"description": "another.", "type": "integer"},
                },
            }
        },
    }


@pytest.mark.parametrize("text", ["0.15", "1e-6", "-1", ".5", "5.", "1_000", " 1 ", "NaN", "inf", "-Infinity", "sNaN1"])
def test_money_as_text_is_what_decimal_takes(text: str) -> None:
    Decimal(text)
    jsonschema.validate({"price": text}, schema_of(Outer, "t"))


@pytest.mark.parametrize("text", ["", "many", "1,5", "0x1", "1e", "USD 5", "-", "."])
def test_money_as_text_is_nothing_else(text: str) -> None:
    assert not jsonschema.Draft202012Validator(schema_of(Outer, "t")).is_valid({"price": text})


@pytest.mark.parametrize(
    ("docstring", "general", "special"),
    [
        ("", "", {}),
        ("Only words: of it all.", "Only words: of it all.", {}),
        ("`a`: one.", "", {"a": "one."}),
        ("All. `a`, `b`: both; `c`: own.", "All.", {"a": "both", "b": "both", "c": "own."}),
        ("Say a: not at the beginning. `a: x` neither.", "Say a: not at the beginning. `a: x` neither.", {}),
        ("ab: is not a. a: is.", "ab: is not a.", {"a": "is."}),
    ],
)
def test_docstrings_say_what_keys_mean(docstring: str, general: str, special: dict[str, str]) -> None:
    assert described(docstring, ["a", "b", "c"]) == (general, special)


@pytest.mark.parametrize(
    ("kind", "part", "key", "said"),
    [
        ("config", "Timeouts", "total_s", "everything."),
        ("config", "ServerOptions", "max_header_bytes", "all of a request's headers together."),
        ("model", "CardTarget", "region", "where it computes, in the provider's words (`eu-west-1`, `us`, `global`)."),
        ("model", "Approved", "on", "a day such as 2026-11-01 (UTC), or a moment such as 2026-11-01T12:00:00Z"),
        (
            "limits",
            "Limit",
            "per",
            "one counter for each distinct combination of these: tenant, team, key, user, model, model_group, prompt, agent, run, `claim:<name>`; empty: one counter for all.",
        ),
    ],
)
def test_keys_are_described_by_their_types(kind: str, part: str, key: str, said: str) -> None:
    properties = json.loads(schema_text(kind))["$defs"][part]["properties"]
    assert properties[key]["description"] == said


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "policies/access.yaml" in capsys.readouterr().out
    assert main(["schema", "access"]) == 0
    assert capsys.readouterr().out == schema_text("access")
    assert main(["schema", "prices", "--write", str(tmp_path / "one")]) == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["prices.schema.json"]
    assert main(["schema", "--write", str(tmp_path / "all")]) == 0
    assert len(list((tmp_path / "all").iterdir())) == len(KINDS)
    capsys.readouterr()
    (tmp_path / "file").write_text("")
    assert main(["schema", "--write", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(SystemExit):
        main(["schema", "nonsense"])
    assert set(GOOD) == set(KINDS), "the fuzzer knows every kind"
