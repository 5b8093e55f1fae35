"""One route as aiohttp calls it: admit, read, do once, answer."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from attrs import evolve, frozen, has

from daemon.codec import encode, parse, structure
from daemon.domain.access import Actor
from daemon.errors import Forbidden, Invalid, Problem, QiaodError
from daemon.net.server.auth import Caller, Door, read_caller
from daemon.net.server.call import DEFAULT_LIMIT, MOST_LIMIT, Call, Page, Paging, Reply, etag, open_cursor, seal_cursor
from daemon.net.server.idempotency import Replays
from daemon.net.server.language import choose
from daemon.net.server.problems import Refused
from daemon.net.server.receive import read_body, refuse_deep, require_json
from daemon.net.server.routes import Route
from daemon.net.server.schema import Schema, Schemas, gathered
from daemon.net.server.signature import Parameter
from daemon.net.server.validate import Check
from daemon.texts import render

REQUEST_ID = web.RequestKey("request_id", str)
LANGUAGE = web.RequestKey("language", str)
HEADERS = web.RequestKey("headers", dict[str, str])  # for the answer, whatever becomes of it
STATUSES = web.RequestKey("statuses", Mapping[type[QiaodError], int])
ACTOR = web.RequestKey("actor", Actor)

JSON = "application/json"
_ANY = re.compile(".*", re.DOTALL)
_NUMBERS: dict[str, tuple[Callable[[str], Any], re.Pattern[str]]] = {
    "integer": (int, re.compile(r"-?[0-9]{1,18}")),
    "number": (float, re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")),
}


@frozen
class Endpoint:
    route: Route
    door: Door
    replays: Replays
    schemas: Schemas

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        request[STATUSES] = self.route.statuses
        if self.route.language is not None:
            request[LANGUAGE] = choose(request.headers.get("Accept-Language"), self.route.language)
        caller = read_caller(request, self.door.proxies)
        try:
            return await self._answered(request, caller, await self._admitted(request, caller))
        except Forbidden as error:
            self.door.refused(request.get(ACTOR), caller, self.route, error)
            raise

    async def _admitted(self, request: web.Request, caller: Caller) -> Actor | None:
        found = await self.door.identify(caller, self.route.who)
        if found is None:
            return None
        request[ACTOR] = known = evolve(found, request_id=request[REQUEST_ID])
        self.door.authorise(known, caller, self.route.who, request[HEADERS], whole=self.route.whole)
        return known

    async def _answered(self, request: web.Request, caller: Caller, known: Actor | None) -> web.StreamResponse:
        _acceptable(request, self._produced())
        call = Call(
            app=request.app,
            request=request,
            id=request[REQUEST_ID],
            language=request[LANGUAGE],
            address=caller.address,
            known=known,
        )
        query = self._query(call)
        arguments, raw = await self._arguments(call, query)

        async def answer() -> web.StreamResponse:
            return _respond(self.route, await self.route.handler(call, **arguments), query)

        return await self.replays.once(call, self.route, raw, answer)

    def _produced(self) -> tuple[str, ...]:
        own = self.route.produces or JSON
        return (JSON, own) if self.route.signature.either else (own,)

    async def _arguments(self, call: Call, query: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        signature = self.route.signature
        arguments = {p.name: self._text(call, p, call.request.match_info[p.name]) for p in signature.path}
        arguments |= {p.name: structure(query[p.name], p.kind) for p in signature.query if p.name in query}
        if signature.paging:
            arguments["paging"] = self._paging(call)
        if signature.body is None:
            return arguments, b""
        raw = await read_body(call.request, self.route.body_most)
        try:
            arguments["body"] = self._body(call, signature.body, raw)
        except Invalid as error:
            raise error if self.route.reword is None else self.route.reword(error, raw) from None
        return arguments, raw

    def _body(self, call: Call, body: Parameter, raw: bytes) -> Any:
        if body.kind is bytes:
            return raw
        if not raw and not body.required:
            return body.default
        require_json(call.request)
        refuse_deep(raw)
        document = parse(raw)
        self._check(call, document, self.schemas.of(body.kind), "")
        return structure(gathered(document, body.kind) if has(body.kind) else document, body.kind)

    def _query(self, call: Call) -> dict[str, Any]:
        """The query parameters given, as JSON values, checked."""
        known = {p.name: p for p in self.route.signature.query}
        paged = {"limit", "cursor"} if self.route.signature.paging else set()
        given: dict[str, Any] = {}
        for name in call.request.query:
            if name in known:
                given[name] = self._json(call, known[name], call.request.query.getall(name))
            elif name not in paged and not self.route.lenient:
                raise _wrong(call, name, "field.unknown")
        for name, parameter in known.items():
            if parameter.required and name not in given:
                raise _wrong(call, name, "field.required")
        return given

    def _paging(self, call: Call) -> Paging:
        limit = call.request.query.get("limit", str(DEFAULT_LIMIT))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and 1 <= int(limit) <= MOST_LIMIT):
            raise _wrong(call, "limit", "field.limit", most=MOST_LIMIT)
        cursor = call.request.query.get("cursor")
        return Paging(limit=int(limit), after=None if cursor is None else open_cursor(cursor, call.language))

    def _text(self, call: Call, parameter: Parameter, text: str) -> Any:
        return structure(self._json(call, parameter, [text]), parameter.kind)

    def _json(self, call: Call, parameter: Parameter, texts: list[str]) -> Any:
        schema = self.schemas.of(parameter.kind)
        value = _value(self.schemas, schema, texts)
        self._check(call, value, schema, parameter.name)
        return value

    def _check(self, call: Call, document: Any, schema: Schema, where: str) -> None:
        problems = Check(self.schemas, call.language).problems(document, schema, where)
        if problems:
            raise Invalid(problems=problems)


def _value(schemas: Schemas, schema: Schema, texts: list[str]) -> Any:
    """Texts of a URL as the JSON value that the schema wants; as they are where they are no such thing."""
    schema = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    schema = schemas.resolve(schema)
    if schema.get("type") == "array":
        return [_value(schemas, schema["items"], [text]) for text in texts]
    text = texts[-1]
    read, form = _NUMBERS.get(schema.get("type", ""), (str, _ANY))
    if not form.fullmatch(text):
        return text
    return {"true": True, "false": False}.get(text, text) if schema.get("type") == "boolean" else read(text)


def _wrong(call: Call, name: str, code: str, **facts: object) -> QiaodError:
    return Invalid(problems=[Problem(name, render(code, call.language, facts))])


def _respond(route: Route, result: Any, query: Mapping[str, Any]) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    reply = result if isinstance(result, Reply) else Reply(body=result)
    headers = {"Cache-Control": "no-store", **etag(reply.body, reply.version), **reply.headers}
    status = reply.status or route.status
    if reply.body is None:
        return web.Response(status=status, headers=headers)
    body = _listed(reply.body, query) if isinstance(reply.body, Page) else reply.body
    return web.Response(body=encode(body), status=status, headers=headers, content_type=JSON)


def _listed(page: "Page[Any]", query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "data": list(page.data),
        "total": page.total,
        "next_cursor": None if page.next_after is None else seal_cursor(page.next_after),
        "filters": dict(query),
    }


def _acceptable(request: web.Request, produced: tuple[str, ...]) -> None:
    accepted = request.headers.get("Accept")
    if not accepted:
        return
    families = {kind.partition("/")[0] + "/*" for kind in produced}
    ranges = [part.partition(";") for part in accepted.lower().split(",")]
    named = {kind.strip() for kind, _, parameters in ranges if parameters.replace(" ", "") not in ("q=0", "q=0.0")}
    if not named & {"*/*", *families, *produced, "application/problem+json"}:
        raise Refused(406)
