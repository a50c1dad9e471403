"""`gateway prices update`: a newer snapshot of published prices, and the line by which a reviewer approves it."""

import argparse
import re
import sys
from pathlib import Path

from gateway.catalogue.prices.packing import from_data, installed
from gateway.catalogue.prices.published import Published, builtin, read_snapshot
from gateway.cli.arguments import Verbs, add_config, verb
from gateway.config import read_config
from gateway.core.extras import PYTHON

DEFAULT = "published-prices.json"
_APPROVED = re.compile(r"(\bsha256:\s*[\"']?)[0-9a-f]{64}\b")


def add_to(actions: Verbs) -> None:
    summary = "write a newer snapshot of published prices beside prices.yaml"
    parser = verb(actions, "update", summary, "gateway prices update --from installed")
    add_config(parser)
    parser.add_argument(
        "--from",
        dest="source",
        default="installed",
        metavar="SOURCE",
        help="`installed`: of the installed package genai-prices (default); or a file: its data.json, or a snapshot",
    )
    parser.add_argument("--to", metavar="FILE", help=f"default: {DEFAULT} in the folder of policies")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    policies = read_config(Path(options.config)).policies_dir
    target = Path(options.to) if options.to else policies / DEFAULT
    try:
        data = installed() if options.source == "installed" else from_data(Path(options.source).read_bytes())
        snapshot = read_snapshot(data)
        target.write_bytes(data)
    except ModuleNotFoundError:
        hint = f"{PYTHON} -m pip install genai-prices"
        print(f"error: the package genai-prices is not installed: {hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"error: {options.source}: {error}", file=sys.stderr)
        return 1
    print(f"{target}: genai-prices {snapshot.version}, {counted(snapshot)}")
    if snapshot.sha256 == builtin().sha256:
        print("the gateway ships with these very prices")
    return _approve(policies / "prices.yaml", target, snapshot.sha256)


def counted(snapshot: Published) -> str:
    models = sum(len(snapshot.models(provider)) for provider in snapshot.providers)
    return f"{models} models of {len(snapshot.providers)} providers"


def _approve(prices: Path, target: Path, sha256: str) -> int:
    """Write the new digest in the place of the old one, if the file names this snapshot; or say what to write."""
    text = prices.read_text(encoding="utf-8") if prices.exists() else ""
    if target.name in text and len(_APPROVED.findall(text)) == 1:
        prices.write_text(_APPROVED.sub(rf"\g<1>{sha256}", text), encoding="utf-8")
        print(f"{prices}: approves it now; `gateway prices diff {target}` shows what that changes")
    else:
        print(f"to use it, write in {prices}:\n\nbase: {{file: {target.name}, sha256: {sha256}}}")
    return 0
