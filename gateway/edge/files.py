"""`/v1/files` for the data of evals: `purpose=evals` and no other. A tenant sees its own only."""

import asyncio
import contextlib
import logging

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, Fault, Overloaded, RequestTimeout, TooLarge
from gateway.edge.evals import Caller, EvalDeps, admitting, json, page_of
from gateway.edge.peer import ClientGone
from gateway.edge.reading import MAX_DIGITS, headers_of, refuse_encoded, whole_number
from gateway.edge.uploads import FormReader
from gateway.evals.desk import Desk
from gateway.evals.files import Spool
from gateway.evals.objects import PURPOSE, list_object

_log = logging.getLogger("gateway.edge")
MAX_FILE_NAME = 256
SECONDS = (3_600, 2_592_000)  # as OpenAI has it
# A form is so much larger than the file in it, at most.
FORM_BYTES = 64 * 1024
HEARD_BYTES, HEARD_S = 16 * 1024 * 1024, 2.0
MOST = 10_000
_FIELDS = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})


def file_routes(base: str, deps: EvalDeps, caller: Caller) -> list[Route]:
    """The routes; `caller` refuses who is not known."""

    async def create(request: Request, desk: Desk, tenant: str) -> Response:
        try:
            return json(await kept(request, desk, tenant))
        except Fault:
            await _hear_out(request)
            raise
        except OSError as error:  # a full disk, most of the time
            _log.error("a file for evals cannot be kept: %s", error)
            await _hear_out(request)
            raise Overloaded(
                "files cannot be kept at the moment; send it again",
                code="evals_unavailable",
                headers={"retry-after": "30"},
            ) from error

    async def kept(request: Request, desk: Desk, tenant: str) -> object:
        async with desk.spool(tenant, _declared(request, desk.options.max_file_bytes)) as spool:
            form = await _read(request, spool, deps.body_s)
            _check(form.fields)
            if form.file is None or not form.file.filename:
                raise BadRequest("the form has no file; send one as `file`", param="file")
            name = form.file.filename[:MAX_FILE_NAME]
            return await desk.keep_file(tenant, spool, name, _expires_in(form.fields))

    async def listed(request: Request, desk: Desk, tenant: str) -> Response:
        page = page_of(request, "desc", MOST, MOST)
        if request.query_params.get("purpose", PURPOSE) != PURPOSE:
            return json(list_object([], [], has_more=False))
        return json(await desk.list_files(tenant, page))

    async def get(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.get_file(tenant, request.path_params["file_id"]))

    async def content(request: Request, desk: Desk, tenant: str) -> Response:
        path, name = await desk.file_content(tenant, request.path_params["file_id"])
        return FileResponse(path, media_type="application/jsonl", filename=name)

    async def delete(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.delete_file(tenant, request.path_params["file_id"]))

    add, one = admitting(deps, caller), f"{base}/files/{{file_id}}"
    return [
        add("POST", f"{base}/files", create),
        add("GET", f"{base}/files", listed),
        add("GET", one, get),
        add("DELETE", one, delete),
        add("GET", f"{one}/content", content),
    ]


async def _read(request: Request, spool: Spool, piece_s: float) -> FormReader:
    """The form, its file on the disk.

    Raises:
        BadRequest, TooLarge, RequestTimeout: it is none, or does not come.
    """
    form = FormReader(headers_of(request.scope).get(b"content-type", b""))
    while True:
        try:
            # A large file takes as long as it takes; what counts is that something comes.
            async with asyncio.timeout(piece_s):
                message = await request.receive()
        except TimeoutError:
            raise RequestTimeout(f"nothing of the form came for {piece_s:g} s") from None
        if message["type"] == "http.disconnect":
            raise BadRequest(str(ClientGone()), headers={"connection": "close"})
        for data in form.feed(message.get("body", b"")):
            _check(form.fields, whole=False)
            await spool.write(data)
        if not message.get("more_body", False):
            form.end()
            return form


async def _hear_out(request: Request) -> None:
    """Read some of what a refused client still sends: one whose connection is closed meanwhile may never read why."""
    if "expect" in request.headers:
        return  # it sends nothing before it is told to
    left = HEARD_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARD_S):
            while left > 0:
                message = await request.receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


def _declared(request: Request, most: int) -> int:
    """How large the body says it is, before a byte of it is read.

    Raises:
        TooLarge: larger than any file may be.
    """
    headers = headers_of(request.scope)
    refuse_encoded(headers)
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        return 0
    if len(length) > MAX_DIGITS or int(length) > most + FORM_BYTES:
        raise TooLarge(f"the file is larger than {most} bytes (evals.max_file_bytes in config.yaml)")
    return max(0, int(length) - FORM_BYTES)


def _check(fields: dict[str, str], *, whole: bool = True) -> None:
    """Refuse what is not kept here, as soon as it is said."""
    for name in fields.keys() - _FIELDS:
        raise BadRequest(f"unknown field `{name[:64]}`", param=name[:64])
    purpose = fields.get("purpose")
    if purpose is None and whole:
        raise BadRequest("the form does not say what the file is for: `purpose=evals`", param="purpose")
    if purpose is not None and purpose != PURPOSE:
        raise BadRequest(
            f"files are kept here as the data of evals only (`purpose=evals`), and not for `{purpose[:64]}`; what a "
            "model is to look at goes into the request itself",
            code="purpose_not_supported",
            param="purpose",
        )


def _expires_in(fields: dict[str, str]) -> int | None:
    """Seconds; None: nobody said."""
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise BadRequest("`expires_after[anchor]` is `created_at`", param="expires_after[anchor]")
    least, most = SECONDS
    found = whole_number(seconds or "", least, most)
    if found is None:
        raise BadRequest(f"`expires_after[seconds]` is a number from {least} to {most}", param="expires_after[seconds]")
    return found
