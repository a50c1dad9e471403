"""The shape of the tree: sizes, who may import what, and what may not stand anywhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gateway"
FILES = sorted(PACKAGE.rglob("*.py"))

MAX_FILE_LINES = 450
SOFT_FILE_LINES = 300
MAX_FUNCTION_LINES = 60

# Files over the soft limit, each with the reason why it holds one idea.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

# Foreign modules and the only places that may import them.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "starlette": ("gateway/edge/", "gateway/app.py"),
    "granian": ("gateway/edge/granian_server.py",),
    "httptools": ("gateway/transport/connection.py", "gateway/edge/http1/"),
    "redis": ("gateway/stores/",),
    "hiredis": ("gateway/stores/",),
    "yaml": ("gateway/stores/yamltree.py", "gateway/stores/yamlspans.py", "gateway/stores/foreign.py"),
    "psycopg": ("gateway/stores/postgres.py", "gateway/ledger/postgres.py"),
    "sqlite3": (
        "gateway/stores/",
        "gateway/identity/",
        "gateway/ledger/",
        "gateway/responses/",
        "gateway/pairs/",
        "gateway/prompts/labels/",
        "gateway/evals/",
    ),
    "prometheus_client": ("gateway/telemetry/",),
    "opentelemetry": ("gateway/telemetry/",),
    "aiolimiter": ("gateway/providers/pacing/gate.py",),
    "license_expression": ("gateway/catalogue/licences.py",),
    "model_signing": ("gateway/catalogue/signatures.py",),
    "huggingface_hub": ("gateway/catalogue/importing/hub.py",),
    "cyclonedx": ("gateway/catalogue/bom.py",),
    "cryptography": ("gateway/identity/certificates.py", "gateway/access/signing.py"),
    "jwt": ("gateway/identity/jose.py",),
    "re2": ("gateway/guard/detectors/matching.py",),
    "phonenumbers": ("gateway/guard/detectors/numbering.py",),
    "stdnum": ("gateway/guard/detectors/national.py",),
    "presidio_analyzer": ("gateway/guard/detectors/names.py",),
    "jsonschema_rs": ("gateway/guard/detectors/json_schema.py", "gateway/prompts/dotprompt/checking.py"),
    "py3langid": ("gateway/guard/detectors/language.py",),
    "xllamacpp": ("gateway/modelhost/llamacpp.py",),
    "gepa": ("gateway/compare/tuning/reflective.py",),
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {relative(path): ast.parse(path.read_text()) for path in FILES}


def test_files_are_short() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in FILES}
    assert [name for name, length in lengths.items() if length > MAX_FILE_LINES] == []
    over = {name for name, length in lengths.items() if length > SOFT_FILE_LINES}
    assert over == set(LONG_FILES), "files over the soft limit are listed with their reason, and only they"


def test_functions_are_short(trees: dict[str, ast.Module]) -> None:
    long: set[str] = set()
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.add(f"{name}:{node.name}")
    assert long == set(LONG_FUNCTIONS)


def test_foreign_modules_stay_in_their_rooms(trees: dict[str, ast.Module]) -> None:
    wrong = [
        f"{name} imports {module}"
        for name, tree in trees.items()
        for module in imports(tree)
        for foreign, places in ONLY_IN.items()
        if (module == foreign or module.startswith(foreign + ".")) and not name.startswith(places)
    ]
    assert wrong == []


def test_the_environment_is_read_in_one_file(trees: dict[str, ast.Module]) -> None:
    readers = {
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"))
    }
    assert readers == {"gateway/config.py"}


def test_core_is_standard_library_and_msgspec(trees: dict[str, ast.Module]) -> None:
    import sys

    for name, tree in trees.items():
        if name.startswith("gateway/core/"):
            for module in imports(tree):
                top = module.partition(".")[0]
                assert top in sys.stdlib_module_names or top == "msgspec" or module.startswith("gateway.core"), name


def test_no_global_statements(trees: dict[str, ast.Module]) -> None:
    found = [name for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert found == []


def test_every_room_says_what_it_is_and_must_never_do() -> None:
    for room in sorted(path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()):
        text = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        assert "Must never" in text, f"{relative(room)}/__init__.py says what the room must never do"


def test_names_say_something() -> None:
    assert [relative(path) for path in FILES if path.stem in BANNED_NAMES] == []
    assert [relative(path) for path in FILES if re.search(r"_v\d+$|\d$", path.stem)] == []


def test_no_twins() -> None:
    """No two functions of six or more lines are the same but for their name."""
    seen: dict[str, str] = {}
    twins: list[tuple[str, str]] = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(ast.unparse(node).splitlines()) >= 6:
                body = "\n".join(ast.unparse(statement) for statement in node.body)
                where = f"{relative(path)}:{node.name}"
                if body in seen:
                    twins.append((seen[body], where))
                seen[body] = where
    assert twins == []


def test_no_field_is_named_like_a_type_of_its_class() -> None:
    """From Python 3.14 on annotations are looked up when they are asked for, in the class first: `bytes` beside a field
    `bytes` is that field."""
    found: list[str] = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
                names = {one.target.id for one in fields if isinstance(one.target, ast.Name)}
                used = {part.id for one in fields for part in ast.walk(one.annotation) if isinstance(part, ast.Name)}
                found += [f"{relative(path)}:{node.name}.{name}" for name in names & used]
    assert found == []


def test_no_two_files_of_tests_have_one_name() -> None:
    """They are no packages: of two, the second could not be collected."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [relative(path) for path in FILES if marks.search(path.read_text())] == []


def test_top_level_holds_what_the_readme_maps() -> None:
    expected = {
        "gateway", "policies", "config.yaml", "tests", "deploy", "pyproject.toml", "README.md", "LICENSE", "Makefile",
        ".ci", ".gitignore", ".git", ".github",
    }  # fmt: skip
    ignored = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text().splitlines()}
    found = {path.name for path in ROOT.iterdir()}
    extra = {name for name in found - expected - ignored if not name.endswith(".egg-info")}
    assert extra == set()
