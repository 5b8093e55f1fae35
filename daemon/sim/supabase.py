"""A simulated Supabase project: its gateway, and as much of PostgREST as stands over the tables of docs/supabase.sql.

`async with supabase_simulator() as sim`, then `sim.url`, `sim.key`, `sim.base`, `sim.faults`, `sim.ledger`. Written by
PostgREST's documentation (version 12); nothing here has been compared with a running one.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from attrs import define, frozen

from daemon.clock import Clock, SystemClock
from daemon.sim.control import Control
from daemon.sim.faults import Fault, Faults
from daemon.sim.gate import MAX_BODY, Gate, json_of, reply
from daemon.sim.ledger import Ledger
from daemon.sim.server import serving
from daemon.sim.supabase_tables import Base, Refusal, Row, tables

DEMO_KEY = "sb_secret_demo0123456789abcdefghijklmnop"
ANON_KEY = "sb_publishable_demo0123456789abcdefghij"
REST = "/rest/v1/"
ERRORS = {  # as PostgREST and the gateway word them
    "no-database": Refusal(status=503, code="PGRST002", message="Could not query the database for the schema cache."),
    "pool-timeout": Refusal(
        status=504, code="PGRST003", message="Timed out acquiring connection from connection pool."
    ),
    "jwt-expired": Refusal(status=401, code="PGRST303", message="JWT expired"),
    "permission": Refusal(status=403, code="42501", message="permission denied for table qiaod_messages"),
    "no-table": Refusal(
        status=404, code="PGRST205", message="Could not find the table 'public.qiaod_messages' in the schema cache"
    ),
    "statement-timeout": Refusal(status=500, code="57014", message="canceling statement due to statement timeout"),
    "paused": Refusal(status=540, code="", message="Project paused"),
}


@frozen(kw_only=True)
class Wish:
    """What `Prefer` asks for."""

    resolution: str | None = None
    returned: str = "minimal"
    counted: bool = False

    @classmethod
    def of(cls, header: str) -> "Wish":
        told = dict(part.strip().partition("=")[::2] for part in header.split(",") if "=" in part)
        return cls(
            resolution=told.get("resolution"),
            returned=told.get("return", "minimal"),
            counted=told.get("count") == "exact",
        )


@define(eq=False, kw_only=True)
class SupabaseSimulator:
    base: Base
    ledger: Ledger
    faults: Faults
    gate: Gate
    key: str = DEMO_KEY
    url: str = ""

    def lines(self, dialogue_id: str) -> list[Row]:
        """What it keeps of one conversation, in the order of their ids."""
        rows = self.base.tables["qiaod_messages"].rows.values()
        return sorted((row for row in rows if row["conversation_id"] == dialogue_id), key=lambda row: row["id"])


@define(eq=False)
class Rest:
    base: Base
    key: str

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._admit(request)
            return await self._answered(request, request.match_info["table"])
        except Refusal as refusal:
            return refused(refusal)

    def _admit(self, request: web.Request) -> None:
        key = request.headers.get("apikey")
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not key:
            raise Refusal(status=401, code="", message="No API key found in request")
        if key == ANON_KEY:  # row-level security: no policy is for it
            message = f"permission denied for table {request.match_info['table']}"
            raise Refusal(status=401, code="42501", message=message)
        if key != self.key or bearer not in ("", self.key):
            raise Refusal(status=401, code="", message="Invalid API key")

    async def _answered(self, request: web.Request, table: str) -> web.StreamResponse:
        query, wish = dict(request.query), Wish.of(request.headers.get("Prefer", ""))
        match request.method:
            case "GET":
                return _part(request, self.base.select(table, query), query, wish)
            case "POST":
                rows = _rows(json_of(await request.read()))
                done = self.base.insert(table, rows, conflict=query.get("on_conflict"), resolution=wish.resolution)
                return _done(done, wish, status=201)
            case "DELETE":
                return _done(self.base.delete(table, query), wish, status=200)
        raise Refusal(status=405, code="PGRST117", message=f"Unsupported HTTP method: {request.method}")


def refused(refusal: Refusal) -> web.Response:
    """The gateway's own errors have a message alone."""
    return reply(refusal.body() if refusal.code else {"message": refusal.message}, status=refusal.status)


def _rows(document: Any) -> list[Any]:
    if document is None:
        raise Refusal(status=400, code="PGRST102", message="Empty or invalid json")
    return document if isinstance(document, list) else [document]


def _done(rows: list[Row], wish: Wish, *, status: int) -> web.Response:
    if wish.returned != "representation":
        return web.Response(status=status if status == 201 else 204)
    return reply(rows, status=status)


def _part(request: web.Request, rows: list[Row], query: dict[str, str], wish: Wish) -> web.Response:
    """By `limit` and `offset`, or by the header `Range`."""
    first, last = int(query.get("offset", "0")), None
    if "limit" in query:
        last = first + int(query["limit"])
    elif (ranged := request.headers.get("Range", "")) and "-" in ranged:
        low, _, high = ranged.rpartition("=")[2].partition("-")
        first, last = int(low or 0), int(high) + 1 if high else None
    if first > len(rows) and wish.counted:
        details = f"An offset of {first} was requested, but there are only {len(rows)} rows."
        raise Refusal(status=416, code="PGRST103", message="Requested range not satisfiable", details=details)
    shown = rows[first:last]
    total = str(len(rows)) if wish.counted else "*"
    span = f"{first}-{first + len(shown) - 1}" if shown else "*"
    whole = not wish.counted or len(shown) == len(rows)
    return reply(shown, status=200 if whole else 206, headers={"Content-Range": f"{span}/{total}"})


def _refuse(_: web.Request, __: Any, fault: Fault) -> web.Response:
    return refused(ERRORS[fault.name])


@asynccontextmanager
async def supabase_simulator(
    *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[SupabaseSimulator]:
    clock = clock or SystemClock()
    ledger, faults = Ledger(clock), Faults(random.Random(1), tuple(ERRORS))  # noqa: S311  # chance of faults, repeatable
    base, gate = Base(tables(clock.now)), Gate(ledger=ledger, faults=faults, refuse=_refuse)
    app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY)
    app.router.add_routes(Control(faults=faults, ledger=ledger, traffic=gate.traffic).routes())
    app.router.add_route("*", REST + "{table}", Rest(base, DEMO_KEY).handle)
    sim = SupabaseSimulator(base=base, ledger=ledger, faults=faults, gate=gate)
    async with serving(app, host, port) as url:
        sim.url = url
        yield sim
