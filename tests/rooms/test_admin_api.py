"""The admin API against its own OpenAPI document, and what the document cannot say."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
import schemathesis.openapi
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.access.activations import Activated, activations
from gateway.access.chain import Entry
from gateway.core.clock import SystemClock, uuid7
from gateway.core.days import date_time
from gateway.core.faults import BadRequest
from gateway.core.live import Live
from gateway.core.record import Record
from gateway.edge.admin.api import AdminDeps, admin_app, rows
from gateway.edge.admin.focus import FocusAsked, FocusCsv
from gateway.edge.admin.limits import LimitLevel, LimitsQuestion
from gateway.edge.admin.mirrors import PairsDeps
from gateway.edge.admin.openapi import openapi
from gateway.edge.admin.policies import ExplainRequest, PastDeps
from gateway.identity.keys import OperatorCredentials
from gateway.identity.keystore import KeyStore
from gateway.ledger.options import LedgerPlace
from gateway.ledger.store import SqliteLedger
from gateway.ledgerview import said_deps, usage_deps
from gateway.policypast import at_text
from gateway.prompts.labels.options import LabelPlace
from gateway.prompts.library import Library
from gateway.promptview import prompts_deps

ADMIN = {"Authorization": "Bearer gwa-secret"}
ENTRY = Entry(seq=1, at=1, digest="d", files={"access.yaml": "a"}, actor="root", source="", prev="", hash="h")


def build(store: KeyStore, ledger: LedgerPlace, folder: Path) -> tuple[Starlette, AdminDeps]:
    def explain(asked: ExplainRequest) -> dict[str, Any]:
        return {"asked": asked.model}

    def history(before_seq: int | None, limit: int) -> list[Activated]:
        found = activations([ENTRY, *(msgspec.structs.replace(ENTRY, seq=seq) for seq in range(2, 8))])
        return [one for one in reversed(found) if before_seq is None or one.seq < before_seq][:limit]

    def at(time: str, asked: ExplainRequest) -> dict[str, Any]:
        at_text(time)
        return {"asked": asked.model}

    def focus(asked: FocusAsked) -> FocusCsv:
        date_time(asked.since)
        return FocusCsv((piece for piece in [b"BilledCost\n", b"0.5\n"]), 3)

    async def limits(asked: LimitsQuestion) -> list[LimitLevel]:
        if asked.tenant not in ("", "acme"):
            raise BadRequest("there is no such tenant", param="tenant")
        level = LimitLevel(
            limit="a",
            dimension="requests_per_day",
            scope={},
            maximum=2,
            used=1,
            remaining=1,
            share=0.5,
            on_exceeded="refuse",
        )
        return [level]

    async def page(filters: Mapping[str, str], before: tuple[int, str] | None, limit: int) -> list[dict[str, Any]]:
        return [{"id": "p-1", "at_ns": 5, **filters}][: limit if before is None else 0]

    async def one(id: str) -> dict[str, Any] | None:
        return {"id": id, "call": "c-1", "tenant": "acme", "team": "a", "request": "{}"} if id == "p-1" else None

    deps = AdminDeps(
        keys=store,
        declared=lambda tenant, team: (tenant, team) == ("acme", "a"),
        tenants=lambda: [{"id": "acme", "teams": [{"id": "a"}]}],
        models=lambda: [{"model": "m", "targets": []}],
        usage=usage_deps(ledger),
        said=said_deps(ledger),
        explain=explain,
        focus=focus,
        past=PastDeps(history, at),
        limits=limits,
        pairs=PairsDeps(page, one),
        prompts=prompts_deps(Live(Library({})), LabelPlace(folder / "prompts.db", folder / "snapshot"), store.note),
        status=lambda: {"version": "0"},
    )
    app = admin_app(deps, OperatorCredentials("gwa-secret", "gwm-secret"))
    return Starlette(routes=[Mount("/admin", app=app)]), deps


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Starlette, AdminDeps]]:
    folder = tmp_path_factory.mktemp("admin")
    with SqliteLedger(folder / "ledger.db") as ledger:
        started_ns = 1_700_000_000_000_000_000
        known = {"tenant": "acme", "team": "a", "key_id": "k", "operation": "chat", "outcome": "completed"}
        ledger.commit([Record(id=uuid7(started_ns), started_ns=started_ns, **known)], "w-1.jnl", 1)
    with KeyStore(folder / "identity.db", SystemClock()) as store:
        yield build(store, LedgerPlace(folder / "ledger.db"), folder)


@pytest.fixture
def client(site: tuple[Starlette, AdminDeps]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(site[0]), base_url="http://admin", headers=ADMIN)


IDS = (
    "list_keys",
    "create_key",
    "get_key",
    "rotate_key",
    "revoke_key",
    "list_tenants",
    "list_models",
    "usage",
    "usage_focus",
    "list_audit",
    "explain_policy",
    "explain_access",
    "list_policy_history",
    "policy_at",
    "list_limits",
    "list_mirrors",
    "get_mirror",
    "list_feedback",
    "get_feedback",
    "status",
)


@pytest.mark.parametrize("operation_id", IDS)
def test_the_api_does_what_its_document_says(site: tuple[Starlette, AdminDeps], operation_id: str) -> None:
    """schemathesis makes up requests, right and wrong ones, and holds every answer against the document."""
    document = schemathesis.openapi.from_asgi("/admin/openapi.json", site[0], headers=ADMIN)
    operation = document.find_operation_by_id(operation_id)

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def right(case: Any) -> None:
        # Which teams are declared and which cursors were given out no schema can say: a 400 is fine, a 500 is not.
        case.call_and_validate(headers=ADMIN, excluded_checks=[positive_data_acceptance])

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def wrong(case: Any) -> None:
        if "Authorization" not in (case.headers or {}):
            return  # what is wrong with it is the missing credential, and the next line would give it one
        case.call_and_validate(headers=ADMIN)

    right()
    if operation.body or operation.query:
        wrong()


async def test_every_endpoint_needs_the_admin_credential(site: tuple[Starlette, AdminDeps]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site[0]), base_url="http://admin") as nobody:
        for row in rows(site[1]):
            for headers in ({}, {"authorization": "Bearer gwm-secret"}, {"authorization": "Bearer gw-" + "A" * 43}):
                answer = await nobody.request(row.method, "/admin" + row.path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == "Bearer"


async def test_pages_cover_the_history_once_newest_first(client: httpx.AsyncClient) -> None:
    seen: list[int] = []
    cursor: str | None = None
    while not seen or cursor:
        asked = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/admin/policy/history", params=asked)).json()
        seen += [one["seq"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_pages_cover_every_key_once(client: httpx.AsyncClient) -> None:
    for number in range(7):
        made = await client.post("/admin/keys", json={"tenant": "acme", "team": "a", "owner": f"o{number}"})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await client.get("/admin/keys", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [key["id"] for key in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 7


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/admin/keys", {"tenant": "acme", "team": "nobody", "owner": "o"}, 400, "invalid_request"),
        ("POST", "/admin/keys", {"tenant": "acme", "team": "a", "owner": ""}, 400, "invalid_request"),
        ("POST", "/admin/keys", {"tenant": "acme", "team": "a", "owner": "o", "surprise": 1}, 400, "invalid_request"),
        (
            "POST",
            "/admin/keys",
            {"tenant": "acme", "team": "a", "owner": "o", "expires_in_s": -1},
            400,
            "invalid_request",
        ),
        ("POST", "/admin/keys", "x" * 70_000, 413, "request_too_large"),
        ("GET", "/admin/keys?limit=0", None, 400, "invalid_request"),
        ("GET", "/admin/keys?colour=red", None, 400, "invalid_request"),
        ("GET", "/admin/keys?cursor=!!", None, 400, "invalid_request"),
        ("GET", "/admin/audit?cursor=Zm9v", None, 400, "invalid_request"),
        ("GET", "/admin/usage?group_by=colour", None, 400, "invalid_request"),
        ("GET", "/admin/policy/history?cursor=Zm9v", None, 400, "invalid_request"),
        ("GET", "/admin/policy/at?time=2026-01-01&tenant=acme", None, 400, "invalid_request"),
        ("GET", "/admin/policy/at?time=soon&tenant=acme&team=a", None, 400, "invalid_request"),
        ("GET", "/admin/policy/at?time=9999-01-01&tenant=acme&team=a", None, 400, "invalid_request"),
        ("GET", "/admin/keys/key_none", None, 404, "not_found"),
        ("POST", "/admin/keys/key_none/revoke", None, 404, "not_found"),
        ("DELETE", "/admin/keys", None, 405, "method_not_allowed"),
        ("GET", "/admin/nothing", None, 404, "not_found"),
    ],
)
async def test_mistakes_are_problem_details(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = await client.request(method, path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]


KEY: dict[str, Any] = {"tenant": "acme", "team": "a", "owner": "o"}
SAID: list[tuple[str, str, Any, str, str | None]] = [
    ("DELETE", "/keys", None, "/admin/keys takes GET, POST and not DELETE", None),
    ("BREW", "/keys/key_1/revoke", None, "/admin/keys/{id}/revoke takes POST and not BREW", None),
    ("POST", "/openapi.json", None, "/admin/openapi.json takes GET and not POST", None),
    ("GET", "/keys/", None, "there is no /admin/keys/; it is /admin/keys, without the slash at the end", None),
    (
        "GET",
        "/keyz",
        None,
        "there is no /admin/keyz; did you mean /admin/keys? GET /admin/openapi.json describes",
        None,
    ),
    (
        "GET",
        "/nothing/x",
        None,
        "there is no /admin/nothing/x; GET /admin/openapi.json describes all that there is",
        None,
    ),
    ("GET", "/keys?limt=3", None, "unknown query parameter `limt`; did you mean `limit`?", "limt"),
    ("GET", "/status?x=3", None, "unknown query parameter `x`; nothing can be asked for here", "x"),
    ("GET", "/keys?limit=x", None, "`limit`: expected a whole number, got a text; it is: how many at most", "limit"),
    ("GET", "/keys?limit=0", None, "`limit`: expected a whole number of at least 1; it is: how many at most", "limit"),
    ("GET", "/keys?cursor=!", None, "the cursor is not one this API gave out; leave it out for the first", "cursor"),
    ("GET", "/prompts/version", None, "the query parameter `prompt` is missing: its name or an alias", "prompt"),
    ("GET", "/usage/focus?since=2026-01-01&by=week", None, "`by`: `week` is not a word for this; known: hour", "by"),
    ("POST", "/keys", b'{"tenant"', "the body is not JSON (Input data was truncated); send a JSON object with", None),
    (
        "POST",
        "/keys",
        b"",
        "the body: `tenant` is missing; it is a text; send a JSON object with these fields: tenant,",
        None,
    ),
    (
        "POST",
        "/keys",
        b"[]",
        "the body: expected an object, got a list; send a JSON object with these fields: ten",
        None,
    ),
    ("POST", "/keys", {**KEY, "ownr": "x"}, "unknown field `ownr`; did you mean `owner`?", "ownr"),
    ("POST", "/keys", {**KEY, "owner": 5}, "`owner`: expected a text, got a whole number", "owner"),
    (
        "POST",
        "/keys",
        {**KEY, "tenant": "acm"},
        "the tenant `acm` is not declared in policies/tenants.yaml; did",
        "tenant",
    ),
    (
        "POST",
        "/keys",
        {**KEY, "team": "b"},
        "the team `b` of the tenant `acme` is not declared in policies/ten",
        "team",
    ),
    (
        *("POST", "/policy/explain", {"tenant": "acme", "team": "a", "model": "m", "request": {"strem": True}}),
        *("unknown field `strem` in `request`; did you mean `stream`?", "strem"),
    ),
    ("POST", "/keys/nope/rotate", {"overlap_s": -1}, "`overlap_s`: expected a number of at least 0", "overlap_s"),
    ("POST", "/keys/nope/revoke", {"reason": "x"}, "POST /admin/keys/{id}/revoke takes no body; send it without", None),
    (
        "POST",
        "/keys/nope/revoke",
        {},
        "there is no key `nope`; GET /admin/keys and `gateway keys list` show those",
        None,
    ),
    ("GET", "/calls/nope", None, "the ledger has no call `nope`; its id is the x-request-id of its answer", None),
    (
        "GET",
        "/feedback/nope",
        None,
        "nothing was said of a call `nope`; its id is the x-request-id of its answer",
        None,
    ),
    (
        "GET",
        "/mirrors/nope",
        None,
        "no pair of answers `nope` is kept here; GET /admin/mirrors lists those that are",
        None,
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "said", "param"), SAID)
async def test_mistakes_are_told_in_words_that_say_what_to_do(
    client: httpx.AsyncClient, method: str, path: str, body: Any, said: str, param: str | None
) -> None:
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    problem = (await client.request(method, f"/admin{path}", **sent)).json()
    assert problem["detail"].startswith(said)
    assert problem.get("param") == param


async def test_a_field_that_is_made_up_to_look_like_a_place_takes_no_long_time(client: httpx.AsyncClient) -> None:
    """The event loop waits meanwhile, and so does every call."""
    made_up = " - at `$" * 7_000 + "\n"
    began = time.process_time()
    answer = await client.post("/admin/keys", json={**KEY, made_up: 1})
    assert time.process_time() - began < 0.7
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        ("", "no credential was sent; the admin API takes operators' credentials, as `Authorization: Bearer …`"),
        ("Basic eDp5", "no credential was sent; "),
        ("Bearer gw-" + "A" * 43, "this is a caller's key, which opens nothing here; "),
        ("Bearer gwm-secret", "this is the credential for /metrics, which opens nothing here; "),
        ("Bearer gwa-other", "the credential is not known; "),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/keys"), ("BREW", "/keys"), ("GET", "/nothing")])
async def test_who_is_no_operator_hears_whose_credential_it_takes_and_nothing_else(
    site: tuple[Starlette, AdminDeps], method: str, path: str, authorization: str, said: str
) -> None:
    headers = {"authorization": authorization} if authorization else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site[0]), base_url="http://admin") as nobody:
        answer = await nobody.request(method, f"/admin{path}", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith(said)
    assert "admin.key" in answer.json()["detail"]


def test_the_document_names_every_row(site: tuple[Starlette, AdminDeps]) -> None:
    table = rows(site[1])
    document = openapi(table)
    assert document["openapi"] == "3.1.0"
    ids = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert ids == {row.id for row in table}


def test_a_store_on_a_path_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), KeyStore(tmp_path / "file" / "identity.db", SystemClock()):
        pass
