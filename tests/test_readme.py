"""The README is checked against the code, so that it cannot rot."""

import re
import shlex

import pytest
import yaml

from gateway.cli import parser
from gateway.config import Config
from gateway.edge.operations import OPERATIONS
from gateway.stores.documents import parse_document
from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"(?:^|[`\s/])(gateway (?:keys|usage|models|check|serve)[^`#\n]*)", TEXT)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command: str) -> None:
    words = shlex.split(command.replace("…", "x"))[1:]
    parser().parse_args(words)


def test_every_endpoint_is_named() -> None:
    assert [one.path for one in OPERATIONS if f"`{one.path}`" not in TEXT] == []


def test_yaml_examples_are_valid_configuration() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        assert parse_document(yaml.safe_dump(yaml.safe_load(block)).encode(), "README.md", Config).providers


def test_every_room_is_on_the_map() -> None:
    rooms = [path.name for path in (ROOT / "gateway").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}/`" not in TEXT] == []


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z]+)", TEXT)):
        assert f"\n{target}:" in makefile, target
