"""Files for evals: sent, checked line by line, found again, bounded."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from tests.behaviour.evals_desk import CHAT, Desk, completions, evals_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = b'{"item": {"q": "x", "a": "x"}}\n'
MOST = 3 * 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    bounds = {"max_file_bytes": MOST, "max_bytes": 2 * MOST + 100_000, "max_files": 4, "max_rows": 200_000}
    async with evals_desk(tmp_path_factory.mktemp("evals"), evals=bounds) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {desk.gateway.key}"}
    async with httpx.AsyncClient(base_url=desk.gateway.base_url, headers=headers, timeout=20) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def empty(desk: Desk) -> None:
    for file in [one async for one in desk.client.files.list()]:
        await desk.client.files.delete(file.id)


def on_disk(desk: Desk) -> list[str]:
    folder = desk.gateway.state / "evals"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def send(web: httpx.AsyncClient, content: bytes, **fields: str) -> tuple[int, Any]:
    fields = {"purpose": "evals", **fields}
    answer = await web.post("/files", data=fields, files={"file": ("rows.jsonl", content)})
    return answer.status_code, answer.json()


async def test_a_file_is_sent_found_read_and_deleted(desk: Desk) -> None:
    content = b'\xef\xbb\xbf{"item": {"q": "\xc3\xa4"}}\r\n\n{"item": {"q": "y"}, "sample": {"output_text": "z"}}'
    file = await desk.client.files.create(file=("rows.jsonl", content), purpose="evals")
    assert (file.object, file.filename, file.bytes, file.status) == ("file", "rows.jsonl", len(content), "processed")
    assert (str(file.purpose), file.expires_at) == ("evals", None)
    assert (await desk.client.files.retrieve(file.id)).to_dict() == file.to_dict()
    assert (await desk.client.files.content(file.id)).read() == content
    assert [one.id async for one in desk.client.files.list(purpose="evals")] == [file.id]
    assert [one.id async for one in desk.client.files.list(purpose="batch")] == []
    assert on_disk(desk) == [f"{file.id}.jsonl"]
    assert (desk.gateway.state / "evals" / f"{file.id}.jsonl").stat().st_mode & 0o077 == 0
    gone = await desk.client.files.delete(file.id)
    assert (gone.id, gone.deleted, gone.object) == (file.id, True, "file")
    assert on_disk(desk) == []
    with pytest.raises(openai.NotFoundError):
        await desk.client.files.content(file.id)


async def test_files_are_listed_newest_first_and_by_page(desk: Desk) -> None:
    made = [(await desk.client.files.create(file=("a", ROW), purpose="evals")).id for _ in range(3)]
    assert [one.id async for one in desk.client.files.list(limit=2)] == made[::-1]
    assert [one.id async for one in desk.client.files.list(limit=2, order="asc")] == made


async def test_an_end_may_be_asked_for(desk: Desk, web: httpx.AsyncClient) -> None:
    ends: Any = {"anchor": "created_at", "seconds": 3_600}
    file = await desk.client.files.create(file=("a", ROW), purpose="evals", expires_after=ends)
    assert file.expires_at == file.created_at + 3_600
    status, said = await send(web, ROW, **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"})
    assert (status, said["error"]["param"]) == (400, "expires_after[seconds]")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ROW + b"{\n", "line 2 "),
        (ROW * 3 + b"[]", "line 4 "),
        (ROW + b'{"itm": {}}', "line 2 "),
        (b'{"item": 5}', "line 1 "),
        (b'{"item": {"q": "\xff"}}', "line 1 "),
        (b'{"item": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "line 1 "),
        (b"", "empty"),
        (b"\n\n", "empty"),
    ],
)
async def test_a_line_that_is_no_row_is_told_by_its_number(
    desk: Desk, web: httpx.AsyncClient, content: bytes, told: str
) -> None:
    status, said = await send(web, content)
    assert (status, said["error"]["param"]) == (400, "file")
    assert told in said["error"]["message"]
    assert on_disk(desk) == []


async def test_other_purposes_are_refused_whichever_field_comes_first(desk: Desk, web: httpx.AsyncClient) -> None:
    status, said = await send(web, ROW, purpose="fine-tune")
    assert (status, said["error"]["code"], said["error"]["param"]) == (400, "purpose_not_supported", "purpose")
    part = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    file = part.format("file", '; filename="a.jsonl"', ROW.decode())
    kind = {"content-type": "multipart/form-data; boundary=b"}

    async def sent(body: str) -> tuple[int, str | None]:
        answer = await web.post("/files", content=body.encode(), headers=kind)
        return answer.status_code, answer.json().get("error", {}).get("param")

    assert await sent(file + part.format("purpose", "", "evals") + "--b--\r\n") == (200, None)
    assert await sent(file + part.format("purpose", "", "vision") + "--b--\r\n") == (400, "purpose")
    assert await sent(file + "--b--\r\n") == (400, "purpose")
    assert await sent(part.format("purpose", "", "evals") + "--b--\r\n") == (400, "file")
    assert await sent(file + part.format("purpose", "", "evals")) == (400, None)
    assert (await web.post("/files", json={"purpose": "evals"})).status_code == 400
    assert len(on_disk(desk)) == 1


async def test_a_file_that_is_too_large_is_refused_as_it_comes(desk: Desk, web: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nevals\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 40 * MOST:
            sent += len(ROW) * 1_000
            yield ROW * 1_000

    kind = {"content-type": "multipart/form-data; boundary=b"}
    try:
        answer = await web.post("/files", content=endless(), headers=kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    except httpx.TransportError:  # the answer was there before all was sent
        assert sent < 40 * MOST
    # By its own declaration, before a byte of it is sent.
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.gateway.port)
    head = f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {desk.gateway.key}\r\n"
    head += f"content-type: {kind['content-type']}\r\ncontent-length: {MOST * 2}\r\n\r\n"
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.readline(), 20)).split()[1] == b"413"
    writer.close()
    async with asyncio.timeout(20):
        while on_disk(desk):
            await asyncio.sleep(0.05)


async def test_a_large_file_is_kept_and_its_rows_are_run(desk: Desk) -> None:
    rows = (MOST - 2_000) // len(ROW)
    file = await desk.client.files.create(file=("large", ROW * rows), purpose="evals")
    assert file.bytes == len(ROW) * rows
    assert (await desk.client.files.content(file.id)).read() == ROW * rows
    made = await desk.eval()
    source: Any = completions() | {"source": {"type": "file_id", "id": file.id}}
    run = await desk.client.evals.runs.create(made.id, data_source=source)
    async with asyncio.timeout(30):
        while len([one for one in desk.upstream.requests if one.path == CHAT]) < 20:
            await asyncio.sleep(0.02)
    assert (await desk.client.evals.runs.cancel(run.id, eval_id=made.id)).status == "canceled"
    await desk.client.evals.delete(made.id)


async def test_a_row_of_a_file_that_is_not_of_the_schema_is_told_by_its_line(desk: Desk) -> None:
    file = await desk.client.files.create(file=("a", ROW + b'\n{"item": {"q": 5}}\n'), purpose="evals")
    made = await desk.eval()
    source: Any = completions() | {"source": {"type": "file_id", "id": file.id}}
    with pytest.raises(openai.BadRequestError, match="line 3 of ") as refused:
        await desk.client.evals.runs.create(made.id, data_source=source)
    assert refused.value.code == "invalid_item"


async def test_a_tenant_has_so_many_files_and_bytes_and_no_more(desk: Desk) -> None:
    for _ in range(2):
        await desk.client.files.create(file=("a", ROW * (MOST // len(ROW))), purpose="evals")
    with pytest.raises(openai.ConflictError, match="max_bytes") as full:
        await desk.client.files.create(file=("a", ROW * 5_000), purpose="evals")
    assert full.value.code == "storage_limit"
    for file in [one async for one in desk.client.files.list()]:
        await desk.client.files.delete(file.id)
    for _ in range(4):
        await desk.client.files.create(file=("a", ROW), purpose="evals")
    with pytest.raises(openai.ConflictError, match="max_files"):
        await desk.client.files.create(file=("a", ROW), purpose="evals")


async def test_files_on_their_way_in_take_a_tenants_room_until_they_are_gone(
    desk: Desk, web: httpx.AsyncClient
) -> None:
    """Uploads that begin and never end, each within its own bound, with no length declared."""
    head = f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {desk.gateway.key}\r\n"
    head += "content-type: multipart/form-data; boundary=b\r\ntransfer-encoding: chunked\r\n\r\n"
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + ROW * (
        (MOST - 1_000) // len(ROW)
    )
    hanging: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.gateway.port)
        writer.write(head.encode() + f"{len(form):x}\r\n".encode() + form + b"\r\n")
        hanging.append((reader, writer))
    answers = [asyncio.create_task(reader.readline()) for reader, _ in hanging]
    refused, _ = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert {one.result().split()[1] for one in refused} == {b"409"}
    assert len(on_disk(desk)) <= 3
    for _, writer in hanging:
        writer.close()
    await asyncio.wait(answers, timeout=30)
    async with asyncio.timeout(30):
        while on_disk(desk):
            await asyncio.sleep(0.05)
    assert (await send(web, ROW * (MOST // len(ROW))))[0] == 200


async def test_a_disk_that_takes_nothing_is_told_as_a_thing_that_passes(desk: Desk, web: httpx.AsyncClient) -> None:
    assert (await send(web, ROW))[0] == 200
    folder = desk.gateway.state / "evals"
    aside = folder.rename(folder.with_name("aside"))
    folder.write_bytes(b"")
    try:
        status, said = await send(web, ROW)
        assert (status, said["error"]["code"]) == (503, "evals_unavailable")
    finally:
        folder.unlink()
        aside.rename(folder)
    assert (await send(web, ROW))[0] == 200
