"""The OpenAPI 3.1 document, read off the routes: what it says is what is enforced."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from daemon.domain.access import Role
from daemon.errors import NotFound
from daemon.net.server.auth import roles_of
from daemon.net.server.call import DEFAULT_LIMIT, MOST_LIMIT
from daemon.net.server.problems import OURS, Manner
from daemon.net.server.routes import Open, Route
from daemon.net.server.schema import Schema, Schemas, plain
from daemon.net.server.signature import Parameter

_PATTERN_OF_PLACE = re.compile(r"{(\w+):[^}]+}")

_INTRODUCTION = """\
Send a key as `Authorization: Bearer qk_…`, or come through the Unix socket, where the uid decides.
A browser may come with the cookie of `POST /api/v1/session` instead. `x-roles` says who may call an operation.
Errors are RFC 9457 problem documents in the language of `Accept-Language` (en, zh).
A trailing slash is optional on every path. Lists give `next_cursor`; send it as `cursor` for the next page."""


def document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    listed = list(routes)
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        operation = _operation(route, schemas)
        paths.setdefault(_PATTERN_OF_PLACE.sub(r"{\1}", route.path), {})[route.method.lower()] = operation
    manners = {manner.name: manner for manner in (OURS, *(route.manner for route in listed))}.values()
    schemas.components |= _PROBLEM | {manner.name: dict(manner.schema) for manner in manners if manner.schema}
    return {
        "openapi": "3.1.0",
        "info": {"title": "qiaod", "version": version, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in listed)],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": {manner.name: _problem_response(manner) for manner in manners},
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, `qk_…`."}},
        },
    }


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": _description(route),
        "security": _security(route),
        "x-roles": _roles(route),
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas),
    }
    if route.signature.body is not None:
        operation["requestBody"] = _body(route.signature.body, schemas)
    return operation


def _description(route: Route) -> str:
    words = " ".join((route.handler.__doc__ or "").split())
    return f"{words} {_who(route)}".strip()


def _who(route: Route) -> str:
    if isinstance(route.who, Open):
        return {
            Open.PUBLIC: "Anybody may call this.",
            Open.CALLBACK: "Whoever knows the path may call this.",
            Open.LOCAL: "Anybody on the Unix socket may call this; on TCP, role viewer.",
        }[route.who]
    roles = (route.who,) if isinstance(route.who, Role) else route.who
    whole = " Not with a key that is limited to some accounts." if route.whole else ""
    return f"Role: {', '.join(roles)}.{whole}"


def _roles(route: Route) -> list[str]:
    """Who may call it, those included that may what a lower role may."""
    if route.who in (Open.PUBLIC, Open.CALLBACK):
        return []
    return [role for role in Role if any(role.includes(wanted) for wanted in roles_of(route.who))]


def _security(route: Route) -> list[dict[str, list[str]]]:
    if isinstance(route.who, Open):
        return [{}, {"key": []}] if route.who is Open.LOCAL else []
    return [{"key": []}]


def _parameters(route: Route, schemas: Schemas) -> list[dict[str, Any]]:
    signature = route.signature
    found = [_parameter(p, "path", schemas) for p in signature.path]
    found += [_parameter(p, "query", schemas) for p in signature.query]
    named = ["Limit", "Cursor"] if signature.paging else []
    if route.effect:
        named.append("IdempotencyKey")
    if route.method in ("PUT", "PATCH"):
        named.append("IfMatch")
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in named]


def _parameter(parameter: Parameter, place: str, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of(parameter.kind)
    if not parameter.required:
        schema = next((part for part in schema.get("anyOf", ()) if part != {"type": "null"}), schema)
        if parameter.default is not None:
            schema = {**schema, "default": plain(parameter.default)}
    return {"name": parameter.name, "in": place, "required": parameter.required, "schema": schema}


def _body(body: Parameter, schemas: Schemas) -> dict[str, Any]:
    if body.kind is bytes:
        return {"required": True, "content": {"*/*": {}}}
    return {"required": body.required, "content": {"application/json": {"schema": schemas.of(body.kind)}}}


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    problem = {"$ref": f"#/components/responses/{route.manner.name}"}
    good = {str(status): _good(route, status, schemas) for status in (route.status, *route.also)}
    bad = {str(status): problem for status in sorted(_bad(route))}
    return {**bad, **good, "default": problem}


def _good(route: Route, status: int, schemas: Schemas) -> dict[str, Any]:
    answer = route.signature.answer
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": _headers(route, status)}
    if answer is web.StreamResponse:
        response["content"] = {route.produces or "application/json": {}}
    elif answer is not None:
        schema = schemas.page(answer) if route.signature.listed else schemas.of(answer)
        response["content"] = {"application/json": {"schema": schema}}
        if route.signature.either and route.produces:
            response["content"][route.produces] = {}
    return response


def _headers(route: Route, status: int) -> dict[str, Schema]:
    names = ["X-Request-ID"]
    if not isinstance(route.who, Open):
        names += ["RateLimit", "RateLimit-Policy"]
    if hasattr(route.signature.answer, "__attrs_attrs__") and not route.signature.listed:
        names += ["ETag"] if any(a.name == "version" for a in route.signature.answer.__attrs_attrs__) else []
    if status in (201, 202):
        names.append("Location")
    if route.effect:
        names.append("Idempotency-Replayed")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _bad(route: Route) -> set[int]:
    """The refusals that are to be expected here; any other is under `default`."""
    statuses = {400, 406, 500, 503} | set(route.statuses.values())
    if not isinstance(route.who, Open):
        statuses |= {401, 403, 429}
    if route.signature.path and NotFound not in route.statuses:
        statuses |= {404}
    if route.signature.body is not None:
        statuses |= {408, 413, 415}
    if route.effect or route.method in ("PUT", "PATCH", "DELETE"):
        statuses |= {409}
    if route.method in ("PUT", "PATCH"):
        statuses |= {412}
    return statuses


def _problem_response(manner: Manner) -> dict[str, Any]:
    return {
        "description": "What is wrong. See `code`.",
        "headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
        "content": {manner.media_type: {"schema": {"$ref": f"#/components/schemas/{manner.name}"}}},
    }


_TEXT: Schema = {"type": "string"}

_PROBLEM: dict[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `error` and `message` repeat `title` and `detail` for older clients.",
        "properties": {
            **dict.fromkeys(("type", "title", "detail", "instance", "code", "request_id"), _TEXT),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "error": _TEXT,
            "message": _TEXT,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldProblem"}},
        },
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "error", "message"],
    },
    "FieldProblem": {
        "type": "object",
        "properties": {"field": _TEXT, "message": _TEXT},
        "required": ["field", "message"],
    },
}

_HEADERS: dict[str, Schema] = {
    "X-Request-ID": {"description": "As sent, or ours; it is in our log.", "schema": _TEXT},
    "ETag": {"description": "The version; send it as If-Match.", "schema": _TEXT},
    "Location": {"description": "Where what was made is found.", "schema": _TEXT},
    "RateLimit": {"description": "What is left (draft-ietf-httpapi-ratelimit-headers).", "schema": _TEXT},
    "RateLimit-Policy": {"description": "What is allowed.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "Idempotency-Replayed": {"description": "`true`: the first answer, given again.", "schema": _TEXT},
}

_PARAMETERS: dict[str, Schema] = {
    "Limit": {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT},
    },
    "Cursor": {
        "name": "cursor",
        "in": "query",
        "description": "The `next_cursor` of the page before.",
        "schema": _TEXT,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The first answer to a key is kept for 24 hours and given again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]+$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag that was read; 412 where somebody was faster.",
        "schema": _TEXT,
    },
}
