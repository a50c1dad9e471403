"""The OpenAPI 3.1 document, made from the table of endpoints."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway import __version__
from gateway.edge.admin.problems import Problem
from gateway.edge.admin.table import Row
from gateway.identity.roles import ROLES

_PATH_PARAM = re.compile(r"\{(\w+)\}")


def openapi(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The document for these rows; `x-permission` of each is what a role must hold, `x-roles` what each role holds."""
    types = [Problem, *(row.answer for row in rows), *(row.body for row in rows if row.body is not None)]
    types += [param.type for row in rows for param in row.query]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = {repr(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(f"/admin{row.path}", {})[row.method.lower()] = _operation(row, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gateway admin API", "version": __version__},
        "security": [{"admin": []}],
        "x-roles": {role: sorted(permissions) for role, permissions in ROLES.items()},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: Row, by_type: Mapping[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAM.findall(row.path)
    ]
    parameters += [
        {
            "name": param.name,
            "in": "query",
            "description": param.summary,
            "required": param.required,
            "schema": by_type[repr(param.type)],
        }
        for param in row.query
    ]
    errors = sorted({400, 401, 403, 405, *row.errors, *((413,) if row.body is not None else ())})
    problem = {"application/problem+json": {"schema": by_type[repr(Problem)]}}
    responses: dict[str, Any] = {
        str(row.status): {"description": "done", "content": {row.media: {"schema": by_type[repr(row.answer)]}}}
    }
    responses.update({str(status): {"description": "refused", "content": problem} for status in errors})
    operation: dict[str, Any] = {
        "operationId": row.id,
        "x-permission": row.permission,
        "summary": row.summary,
        "parameters": parameters,
        "responses": responses,
    }
    if row.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[repr(row.body)]}},
        }
    return operation
