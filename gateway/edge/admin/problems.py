"""Errors as problem details (RFC 9457)."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from gateway.core.faults import Fault


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`application/problem+json`. `type` is `about:blank`: the title is the status's own; `code` is for programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    param: str | None = None


def problem_response(fault: Fault) -> Response:
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(fault.status).phrase,
        status=fault.status,
        detail=fault.message,
        code=fault.code,
        param=fault.param,
    )
    headers = {"content-type": "application/problem+json", "cache-control": "no-store", **fault.headers}
    return Response(msgspec.json.encode(problem), fault.status, headers)
