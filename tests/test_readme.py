"""The README is checked against the code, so that it cannot rot."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from gateway.access.rules import AccessFile
from gateway.catalogue.prices import read_prices
from gateway.cli import parser
from gateway.config import Config
from gateway.core.usage import Usage
from gateway.edge.operations import OPERATIONS
from gateway.identity.tenants import TenantsFile
from gateway.limits.rules import LimitsFile
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
    shapes = {"providers": Config, "tenants": TenantsFile, "rules": AccessFile, "limits": LimitsFile}
    shown = {next(iter(yaml.safe_load(block))): block for block in blocks}
    assert shown.keys() == {*shapes, "prices"}
    for name, shape in shapes.items():
        assert parse_document(shown[name].encode(), "README.md", shape)


def test_the_price_example_prices(tmp_path: Path) -> None:
    (block,) = (one for one in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if one.startswith("prices:"))
    (tmp_path / "prices.yaml").write_text("currency: USD\n" + block)
    book = read_prices(tmp_path / "prices.yaml")
    assert book.cost("anthropic", "claude-sonnet-4-5", Usage(cache_write_1h_tokens=1_000), 1.8e9).nano == 6_000_000


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
