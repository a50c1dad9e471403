"""`gateway serve`: run the gateway, and say how to use it."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from gateway.access.asking import usable
from gateway.cli.arguments import Verbs, add_config, port, verb, workers
from gateway.config import Settings, missing_to_start, read_config
from gateway.core.clock import SystemClock
from gateway.core.principal import Principal
from gateway.drift import unset_variables
from gateway.identity.keystore import KeyRequest, KeyStore
from gateway.ledger.segments import AlreadyDraining
from gateway.ledger.store import LedgerUnavailable
from gateway.modelhost.engine import EngineState
from gateway.policyset import PolicySet, read_policies
from gateway.stores.documents import Text
from gateway.stores.files import write_private
from gateway.supervisor import AlreadyRunning, supervise
from gateway.telemetry.log import configure_logging

_log = logging.getLogger("gateway")


def add_to(verbs: Verbs) -> None:
    parser = verb(verbs, "serve", "run the gateway", "gateway serve --config config.yaml --workers 2")
    add_config(parser)
    parser.add_argument("--workers", type=workers, metavar="N", help="overrides server.workers")
    parser.add_argument("--port", type=port, help="overrides server.port")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config), server={"workers": options.workers, "port": options.port})
    configure_logging(settings.config.telemetry.log)
    for missing in missing_to_start(settings):
        raise missing
    for one in unset_variables(Text(str(settings.file), settings.file.read_bytes()), settings.unset):
        _log.warning("%s:%d: %s; %s", one.file, one.line, one.reason, one.remedy)
    policies = read_policies(settings.policies_dir, settings.wiring)
    teams = [(tenant.id, team.id) for tenant in policies.tenants.tenants for team in tenant.teams]
    first = _first_key(settings, teams)
    try:
        asyncio.run(supervise(settings, lambda engines: _welcome(settings, first, engines, policies)))
    except AlreadyRunning as error:
        print(f"error: {error}; stop it first, or give this one another state_dir", file=sys.stderr)
        return 1
    except (LedgerUnavailable, AlreadyDraining) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{settings.config.server.host}:{settings.config.server.port}"
        hint = "choose another port with --port or server.port in config.yaml"
        print(f"error: cannot listen on {where}: {error.strerror or error}; {hint}", file=sys.stderr)
        return 1
    return 0


def _welcome(
    settings: Settings, first: tuple[Path, str] | None, engines: list[EngineState], policies: PolicySet
) -> None:
    """What somebody at a terminal wants to know. Logs go to stderr, this to stdout."""
    server = settings.config.server
    url = f"http{'s' if server.tls else ''}://{server.host}:{server.port}"
    model = _first_model(settings, policies)
    lines = [f"\nThe gateway answers on {url}/v1", ""]
    if down := [f"  engine     {one.name} is {one.state}: {one.message}" for one in engines if one.state != "ready"]:
        lines += [*down, ""]
    if first is not None:
        key_file, key = first
        shown = key or f"$(cat {key_file})"
        lines += [f"  your key   {key}" if key else f"  your key   is kept in {key_file}"]
        if key:
            lines += [f"             shown this once; kept in {key_file} (only you can read it)"]
        lines += [
            "",
            f"  curl {url}/v1/chat/completions -H 'content-type: application/json' \\",
            f'    -H "authorization: Bearer {shown}" \\',
            f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'""",
            "",
            "  from openai import OpenAI",
            f'  client = OpenAI(base_url="{url}/v1", api_key="{key or "…"}")',
            f'  client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello!"}}])',
            "",
        ]
    state = settings.state_dir
    lines += [
        f"  usage      {sys.argv[0]} usage --config {settings.file}",
        f"  metrics    {url}/metrics   (credential in {state / 'metrics.key'})",
        f"  admin API  {url}/admin/status   (credential in {state / 'admin.key'})",
        "",
    ]
    print("\n".join(lines), flush=True)


def _first_model(settings: Settings, policies: PolicySet) -> str:
    """A name to try: one that the first team may use, of a model that is served here, or else of any."""
    tenants, now = policies.tenants, SystemClock.now()
    first = next(((tenant.id, team.id) for tenant in tenants.tenants for team in tenant.teams), None)
    if first is None:
        return "MODEL"
    who = Principal(key_id="", tenant=first[0], team=first[1])
    engines = {name for name, one in settings.config.providers.items() if one.engine}
    for served in (engines, set(settings.config.providers)):
        asked = (policies.access, policies.catalogue, who, ("chat",), tenants.class_of(*first), now, served)
        for name in usable(*asked):
            return name
    return "MODEL"


def _first_key(settings: Settings, teams: list[tuple[str, str]]) -> tuple[Path, str] | None:
    """The key for first steps: made once, when there is none at all, and kept in a file of mode 0600.

    Returns:
        The file, and the key if it was made just now; None if there is no such file and none was needed.
    """
    key_file = settings.state_dir / "demo.key"
    if key_file.exists():
        return key_file, ""
    with KeyStore(settings.state_dir / "identity.db", SystemClock()) as store:
        if store.page(limit=1) or not teams:
            return None
        tenant, team = teams[0]
        _, key = store.create(KeyRequest(tenant=tenant, team=team, owner="first start", name="demo"), "first start")
    write_private(key_file, key.clear + "\n")
    return key_file, key.clear
