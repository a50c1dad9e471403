"""Every row of the admin API, for every role."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from gateway.config import read_config
from gateway.core.clock import SystemClock
from gateway.edge.admin.api import AdminDeps, admin_app, rows
from gateway.edge.admin.feedback import SaidDeps
from gateway.edge.admin.focus import FocusCsv
from gateway.edge.admin.limits import LimitLevel, LimitsQuestion
from gateway.edge.admin.mirrors import PairsDeps
from gateway.edge.admin.openapi import openapi
from gateway.edge.admin.policies import PastDeps
from gateway.edge.admin.prompts import Moved, PromptsDeps
from gateway.edge.admin.usage import UsageDeps
from gateway.identity.keys import OperatorCredentials
from gateway.identity.keystore import KeyRequest, KeyStore
from gateway.identity.roles import ROLES, Operator, role_named, roles_with
from gateway.stores.documents import DocumentError
from tests.conftest import GatewayFactory
from tests.identity.issuing import provider

KEYS: dict[str, Any] = {role: f"gwo-{role}-{'x' * 16}" for role in ROLES}
# What each role may call; written out, so that a slip in the table of roles or of rows is seen here.
VIEWER = {
    *(
        "list_tenants",
        "list_models",
        "list_limits",
        "list_mirrors",
        "list_feedback",
        "usage",
        "usage_focus",
        "list_calls",
        "get_call",
        "list_prompts",
        "get_prompt",
        "list_prompt_moves",
        "status",
    ),
}
MOVES = ("move_prompt_label", "roll_back_prompt_label")
MAY = {
    "viewer": VIEWER,
    "operator": VIEWER | {"list_keys", "create_key", "get_key", "rotate_key", "revoke_key", *MOVES},
    "security": VIEWER
    | {
        "list_keys",
        "get_key",
        "revoke_key",
        "list_audit",
        "get_mirror",
        "get_feedback",
        "explain_policy",
        "explain_access",
        "list_policy_history",
        "policy_at",
    },
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    with KeyStore(tmp_path / "identity.db", SystemClock()) as opened:
        yield opened


async def no_limits(question: LimitsQuestion) -> list[LimitLevel]:
    return []


@pytest.fixture
def deps(store: KeyStore) -> AdminDeps:
    async def no_pairs(*_: object) -> list[Any]:
        return []

    async def no_pair(id: str) -> dict[str, Any]:
        return {"id": id, "call": "c", "tenant": "acme", "team": "a"}

    async def moved(asked: Any, actor: str) -> Moved:
        said = {"before": "", "after": "1", "at": "", "actor": actor, "reason": "", "gate_run": ""}
        return Moved(id=1, prompt=asked.prompt, label=asked.label, rollback=False, forced=False, **said)

    return AdminDeps(
        keys=store,
        declared=lambda tenant, team: True,
        tenants=list,
        models=list,
        usage=UsageDeps((), (), lambda *_: [], lambda *_: [], lambda asked: {"id": asked}),
        said=SaidDeps(lambda *_: [], lambda call: [{"call": call, "tenant": "acme", "team": "a"}]),
        explain=lambda asked: {"asked": asked.model},
        past=PastDeps(lambda before_seq, limit: [], lambda time, asked: {"asked": asked.model}),
        focus=lambda asked: FocusCsv((piece for piece in [asked.since.encode()]), 0),
        limits=no_limits,
        pairs=PairsDeps(no_pairs, no_pair),
        prompts=PromptsDeps(list, lambda name, version: {"name": name}, no_pairs, moved, moved),
        status=dict,
    )


@pytest.fixture
def app(deps: AdminDeps) -> Starlette:
    others = {KEYS[role]: Operator(f"{role}@example.com", role) for role in ROLES}
    return admin_app(deps, OperatorCredentials("gwa-secret", "gwm-secret", others))


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as made:
        yield made


BODIES: dict[str, Any] = {
    "create_key": {"tenant": "acme", "team": "a", "owner": "o"},
    "explain_policy": {"tenant": "acme", "team": "a", "model": "m"},
    "explain_access": {"tenant": "acme", "team": "a", "model": "m"},
    "move_prompt_label": {"prompt": "p", "label": "staging", "to": 1},
    "roll_back_prompt_label": {"prompt": "p", "label": "staging"},
}


@pytest.mark.parametrize("role", list(ROLES))
async def test_every_row_answers_every_role_as_the_table_says(
    role: Any, client: httpx.AsyncClient, deps: AdminDeps, store: KeyStore
) -> None:
    table = rows(deps)
    assert {row.id for row in table} >= set.union(*MAY.values())
    for row in table:
        info, _ = store.create(KeyRequest(tenant="acme", team="a", owner="o"), "test")
        before = len(store.audit(limit=1000))
        answer = await client.request(
            row.method,
            row.path.replace("{id}", info.id),
            params={param.name: "2026-01-01" for param in row.query if param.required},
            json=BODIES.get(row.id),
            headers={"authorization": f"Bearer {KEYS[role]}"},
        )
        allowed = row.permission in ROLES[role]
        assert allowed == (row.id in MAY.get(role, {row.id})), (role, row.id)
        assert answer.status_code == (row.status if allowed else 403), (role, row.id, answer.text)
        after = store.audit(limit=1000)[before:]
        noted = row.id in ("create_key", "rotate_key", "revoke_key", "get_mirror", "get_feedback") and allowed
        assert [line.actor for line in after] == ([f"{role}@example.com"] if noted else []), row.id
        if not allowed:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert (problem["status"], problem["code"]) == (403, "role_not_allowed")
            assert f"`{role}` does not hold `{row.permission}`" in problem["detail"]
            assert all(one in problem["detail"] for one in roles_with(row.permission))


async def test_without_a_credential_nobody_hears_which_role_is_needed(
    client: httpx.AsyncClient, deps: AdminDeps
) -> None:
    for row in rows(deps):
        for headers in ({}, {"authorization": "Bearer gwm-secret"}, {"authorization": "Bearer a.b.c"}):
            answer = await client.request(row.method, row.path, headers=headers)
            assert answer.status_code == 401
            assert row.permission not in answer.text


async def test_any_operator_may_read_the_document_and_it_names_permissions(
    client: httpx.AsyncClient, deps: AdminDeps
) -> None:
    answer = await client.get("/openapi.json", headers={"authorization": f"Bearer {KEYS['viewer']}"})
    document = answer.json()
    assert document == json.loads(json.dumps(openapi(rows(deps))))
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["x-permission"] in document["x-roles"]["admin"]
            assert "403" in operation["responses"]
    nowhere = await client.get("/nowhere", headers={"authorization": f"Bearer {KEYS['viewer']}"})
    assert nowhere.status_code == 404


def test_the_admin_may_everything_and_nobody_more_than_the_admin() -> None:
    for may in ROLES.values():
        assert ROLES["viewer"] <= may <= ROLES["admin"]
    assert (role_named("security"), role_named("root")) == ("security", None)


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([{"name": "eve", "role": "root", "key": "k" * 16}], "`root` is not a word for this"),
        ([{"name": "eve", "role": "viewer", "key": "short"}], "at least 16 characters"),
        ([{"name": "admin", "role": "viewer", "key": "k" * 16}], "`admin` stands twice"),
        ([{"name": "", "role": "viewer", "key": "k" * 16}], "operator.s name is empty"),
        ([{"name": "eve", "role": "viewer", "key": k * 16} for k in "ab"], "name `eve` stands twice"),
        (
            [{"name": name, "role": "viewer", "key": "k" * 16} for name in ("eve", "bob")],
            "the key of `bob` is another operator.s too",
        ),
        ([{"name": "eve", "role": "viewer", "key": "${env:ADMIN}"}], "his own"),
    ],
)
def test_operators_that_cannot_be_told_apart_are_refused(tmp_path: Path, others: Any, reason: str) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"operators": {"admin_key": "${env:ADMIN}", "others": others}}))
    with pytest.raises(DocumentError, match=reason):
        read_config(tmp_path / "config.yaml", {"ADMIN": "a" * 20})


def test_an_operator_whose_key_is_not_here_is_no_error_and_keys_are_not_shown(tmp_path: Path) -> None:
    others = [{"name": "eve", "role": "viewer", "key": "${env:EVE}"}, {"name": "bob", "role": "admin", "key": "k" * 16}]
    (tmp_path / "config.yaml").write_text(json.dumps({"operators": {"others": others}}))
    eve, bob = read_config(tmp_path / "config.yaml", {}).config.operators.others
    assert (eve.key, repr(bob)) == ("", "NamedOperator('bob', 'admin')")


async def test_operators_by_key_and_by_token_use_a_real_gateway(make_gateway: GatewayFactory) -> None:
    async with provider() as idp:
        issuer = {
            "issuer": idp.issuer,
            "audience": ["gateway"],
            "admin_role": {"claim": "roles", "map": {"sec": "security"}},
        }
        others = [{"name": "ops", "role": "operator", "key": "${env:OPS_KEY}"}]
        gateway = make_gateway(identity={"issuers": [issuer]}, operators={"others": others})
        await asyncio.to_thread(gateway.start, OPS_KEY="gwo-" + "k" * 20)
        async with httpx.AsyncClient(base_url=f"{gateway.url}/admin", timeout=20) as client:

            async def ask(method: str, path: str, credential: str, body: Any = None) -> httpx.Response:
                headers = {"authorization": f"Bearer {credential}"}
                return await client.request(method, path, json=body, headers=headers)

            ops, sec, nobody = "gwo-" + "k" * 20, idp.token(roles=["sec"]), idp.token(roles=[])
            made = await ask("POST", "/keys", ops, {"tenant": "acme", "team": "team-a", "owner": "o"})
            assert made.status_code == 201
            revoked = await ask("POST", f"/keys/{made.json()['info']['id']}/revoke", sec)
            assert revoked.status_code == 200
            statuses = [(await ask("GET", "/audit", one)).status_code for one in (ops, sec, nobody, gateway.key)]
            assert statuses == [403, 200, 401, 401]
            lines = (await ask("GET", "/audit", sec)).json()["data"]
            # An operator's token calls no model: this issuer maps nobody to a team.
            models = await client.get(f"{gateway.base_url}/models", headers={"authorization": f"Bearer {sec}"})
            assert models.status_code == 401
    assert [(line["actor"], line["action"]) for line in lines if line["action"].startswith("key.")][1:] == [
        ("ops", "key.create"),
        ("token:u1@example.com", "key.revoke"),
    ]
    assert lines[0]["actor"].startswith("cli:")
