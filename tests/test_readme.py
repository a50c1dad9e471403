"""The README is checked against the code, so that it cannot rot."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from gateway.access.cases import CasesFile
from gateway.access.conditions import VARIABLES
from gateway.access.loading import read_access
from gateway.access.rules import AccessFile, Matching
from gateway.cache.document import CacheFile
from gateway.catalogue.cards import Card
from gateway.catalogue.loading import build_catalogue, read_cards
from gateway.catalogue.prices import Priced, PricesFile, read_prices
from gateway.cli import VERBS as ALL_VERBS
from gateway.cli import parser
from gateway.compare.cases import SuiteFile, read_suite
from gateway.config import Config
from gateway.core.usage import Usage
from gateway.core.wiring import Wiring
from gateway.edge.operations import OPERATIONS
from gateway.guard.document import GuardsFile
from gateway.guard.loading import read_guardrails
from gateway.identity.roles import ROLES
from gateway.identity.tenants import TenantsFile
from gateway.limits.document import LimitsFile
from gateway.limits.loading import read_limits
from gateway.policyset import policy_problems
from gateway.prompts.document import PromptFile
from gateway.prompts.metadata import read_meta
from gateway.router.document import RoutesFile
from gateway.router.loading import read_routes
from gateway.stores.documents import Text, parse_document
from tests.conftest import ROOT

README, POLICIES = ROOT / "README.md", ROOT / "policies" / "README.md"
PROMPTS = ROOT / "policies" / "PROMPTS.md"
LEDGER = ROOT / "gateway" / "ledger" / "LEDGER.md"
RUNNING = ROOT / "gateway" / "compare" / "running" / "RUNNING.md"
EVALS = ROOT / "gateway" / "evals" / "EVALS.md"
TUNING = ROOT / "gateway" / "compare" / "tuning" / "TUNING.md"
TEXT = README.read_text()
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())
LIVE = ROOT / "gateway" / "compare" / "live" / "LIVE.md"
PAGES = {page: page.read_text() for page in (README, POLICIES, PROMPTS, LEDGER, RUNNING, EVALS, TUNING, LIVE)}
VERBS = "|".join(module.__name__.rpartition(".")[2] for module in ALL_VERBS)
COMMANDS = sorted(
    {
        found
        for text in PAGES.values()
        for found in re.findall(rf"(?:^|[`\s/])(gateway (?:{VERBS}) [^`#\n|]*)", text, re.MULTILINE)
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command: str) -> None:
    words = shlex.split(command.replace("…", "x"))[1:]
    parser().parse_args(words)


def test_every_endpoint_is_named() -> None:
    assert [one.path for one in OPERATIONS if f"`{one.path}`" not in TEXT] == []


SHAPES = {
    "providers": Config, "identity": Config, "redis": Config, "metering": Config, "alerts": Config, "ledger": Config, "feedback": Config, "evals": Config, "operators": Config, "tenants": TenantsFile, "rules": AccessFile,
    "guards": GuardsFile, "guard_services": Config, "limits": LimitsFile, "routes": RoutesFile, "overload": RoutesFile, "name": Card,
    "tests": CasesFile, "currency": PricesFile, "owner": PromptFile, "prompts": Config, "margin": SuiteFile,
}  # fmt: skip


def blocks() -> list[tuple[str, str]]:
    """Every YAML example: its first key, and its text."""
    found = [block for text in PAGES.values() for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return [(next(iter(yaml.safe_load(block))), block) for block in found]


def test_yaml_examples_are_valid_configuration(tmp_path: Path) -> None:
    assert {key for key, _ in blocks()} == {*SHAPES, "prices"}
    for key, block in blocks():
        if "ttl_s" in block:
            assert parse_document(block.encode(), "README.md", CacheFile).rules
            continue
        if key in SHAPES:
            text = block.replace("${env:ALERTS_SECRET}", "whsec_" + "QUJD" * 8)
            assert parse_document(text.encode(), "README.md", SHAPES[key])
        if key == "owner":
            meta = read_meta("support/triage", Text("README.md", block.encode()))[0]
            assert meta.pinned or meta.experiments
        if key == "rules":
            assert read_access([Text("README.md", block.encode())]).entries.all
        if key == "currency":
            assert read_prices(Text("README.md", block.encode())).currency == "EUR"
        if key == "guards":
            assert read_guardrails(Text("README.md", block.encode())).rules
        if key == "routes":
            assert read_routes(Text("README.md", block.encode())).rules
        if key == "limits":
            assert read_limits(Text("README.md", block.encode())).limits
        if key == "margin":
            assert read_suite(Text("README.md", block.encode())).cases
        if key == "name":
            assert build_catalogue(read_cards([Text("README.md", block.encode())])).names


# Which file of the policies an example's first key belongs to.
_PLACES = {
    "tenants": "tenants.yaml",
    "rules": "access.yaml",
    "limits": "limits.yaml",
    "routes": "routes.yaml",
    "name": "models/new.yaml",
}


def unmet(tmp_path: Path, key: str, block: str) -> str:
    """What the policies say of the example put among those of the demo; nothing if they are content."""
    folder = tmp_path / key
    shutil.copytree(ROOT / "policies", folder, dirs_exist_ok=True)
    (folder / ("cache.yaml" if "ttl_s" in block else _PLACES[key])).write_text(block)
    problems = policy_problems(folder, Wiring(providers=frozenset(DEMO["providers"])))
    shutil.rmtree(folder)
    return "\n".join(map(str, problems))


def test_an_example_that_needs_more_than_the_demo_has_says_where_that_is_added(tmp_path: Path) -> None:
    checked = 0
    for page in (README, POLICIES):
        for block in re.findall(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL):
            key = next(iter(yaml.safe_load(block)))
            if key not in _PLACES or not (said := unmet(tmp_path, key, block)) or key == "tenants":
                continue
            if "there are no pairs" in said:
                continue  # its own text says how they come about
            checked += 1
            added = re.search(r"a new one is added .*?([a-z]+\.yaml)", said, re.IGNORECASE)
            assert added is not None, said
            assert page is POLICIES or added[1] in block, (added[1], block)
    assert checked == 8


def test_the_price_example_prices(tmp_path: Path) -> None:
    (block,) = (text for key, text in blocks() if key == "prices")
    (tmp_path / "prices.yaml").write_text("currency: USD\n" + block)
    book = read_prices(tmp_path / "prices.yaml")
    usage = Usage(cache_write_1h_tokens=1_000)
    asked = Priced(provider="anthropic", model="claude-sonnet-4-5", usage=usage, at_s=1.8e9)
    assert book.charges(asked).nano == 6_000_000


def test_pages_say_by_as_the_command_does() -> None:
    assert [page.name for page, text in PAGES.items() if "--group-by" in text] == []


def test_every_room_is_on_the_map() -> None:
    rooms = [path.name for path in (ROOT / "gateway").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}/`" not in TEXT] == []


def test_links_lead_somewhere() -> None:
    for page, text in PAGES.items():
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert link.startswith("https://") or (page.parent / link).exists(), link


def test_conditions_that_exist_are_named() -> None:
    missing = [name for name in Matching.__struct_fields__ if f"`{name}`" not in PAGES[POLICIES]]
    assert missing == []
    variables = [name.partition(".")[2] for name in VARIABLES]
    assert [name for name in variables if f".{name}`" not in PAGES[POLICIES]] == []


def test_roles_are_named() -> None:
    assert [role for role in ROLES if f"| `{role}` |" not in TEXT] == []


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z]+)", TEXT)):
        assert f"\n{target}:" in makefile, target
