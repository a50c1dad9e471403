"""`gateway alerts`: what was told, and whether webhooks can be reached."""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.alerting import outbox_of
from gateway.cli.arguments import Verbs, add_config, add_json, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.options import TEST
from gateway.ledger.alerts.outbox import Delivery, OutboxUnavailable, Told
from gateway.ledger.alerts.sending import Webhook, post, webhooks
from gateway.stores.wording import nearest
from gateway.transport.client import HttpClient

_EXAMPLE = """\
alerts:
  webhooks:
    - {name: finops, url: "https://hooks.example.com/ai", secret: "${env:ALERTS_SECRET}"}
"""
_HOW_MADE = "A secret is made with: echo whsec_$(openssl rand -base64 32)"


def add_to(verbs: Verbs) -> None:
    summary = "send a test event to the webhooks, and list what they were told"
    parser = verb(verbs, "alerts", summary, "gateway alerts test")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    test = verb(actions, "test", "send a signed test event to every webhook, once", "gateway alerts test")
    test.add_argument("--webhook", metavar="NAME", help="only this one")
    listing = verb(actions, "list", "show what was told, the newest first", "gateway alerts list --limit 20")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="how many at most; default: 20")
    for action, function in ((test, _test), (listing, _list)):
        add_config(action)
        add_json(action)
        action.set_defaults(run=function)


def _test(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    hooks = [one for one in webhooks(settings.config.alerts.webhooks) if options.webhook in (None, one.name)]
    if not hooks:
        print(f"error: {_what_lacks(settings, options.webhook)}", file=sys.stderr)
        return 1
    results = asyncio.run(_sent(settings, hooks))
    if options.json:
        print_json([{"webhook": hook.name, "status": status, "said": said} for hook, (status, said) in results])
    else:
        print_table(["webhook", "result"], [[hook.name, said] for hook, (_, said) in results])
    return 0 if all(200 <= status < 300 for _, (status, _) in results) else 1


def _what_lacks(settings: Settings, wanted: str | None) -> str:
    """What to configure, where there is nothing to send to."""
    named = [one.name for one in settings.config.alerts.webhooks]
    if not named:
        return f"config.yaml names no webhook yet; add one, such as\n\n{_EXAMPLE}\n{_HOW_MADE}"
    if wanted is not None and wanted not in named:
        return f"config.yaml names no webhook `{wanted}` under `alerts`{nearest(wanted, named)}"
    secretless = ", ".join(f"`{one}`" for one in named if wanted in (None, one))
    return f"{secretless} of config.yaml: no secret, so nothing can be signed; put it into the environment\n{_HOW_MADE}"


async def _sent(settings: Settings, hooks: Sequence[Webhook]) -> list[tuple[Webhook, tuple[int, str]]]:
    now = time.time()
    event = Event(TEST, f"test|{secrets.token_hex(8)}", now, "", {"message": "the gateway's alerts reach you"})
    async with HttpClient(settings.config.http_client) as client:
        answers = await asyncio.gather(*(post(client, hook, event.id, event.body, now) for hook in hooks))
    return list(zip(hooks, answers, strict=True))


def _list(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    try:
        with outbox_of(settings) as outbox:
            found = outbox.latest(max(1, options.limit))
    except OutboxUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json([msgspec.to_builtins(one) for one in found])
    elif found:
        print_table(["at", "kind", "what", "webhooks"], [_line(one) for one in found])
    else:
        print("nothing was told yet")
    return 0


def _line(one: Told) -> list[str]:
    at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M")
    return [at, one.kind, printable(one.text), ", ".join(map(_delivery, one.deliveries)) or "none"]


def _delivery(one: Delivery) -> str:
    said = f" ({one.said})" if one.state != "delivered" and one.said else ""
    return f"{one.webhook}: {one.state.replace('_', ' ')}{said}"
