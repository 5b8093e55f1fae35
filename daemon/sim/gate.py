"""What every request to a simulator passes first: it is recorded, counted, and suffers the faults in force."""

import asyncio
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web
from attrs import define, field

from daemon.codec import encode, parse
from daemon.errors import Invalid
from daemon.sim.cuts import cut, gone, half, reset
from daemon.sim.faults import NGINX_504, NONSENSE, Fault, Faults, Kind, Standing
from daemon.sim.ledger import Entry, Ledger, Outcome

ENTRY = web.RequestKey("entry", Entry)
FAULT = web.RequestKey("fault", Fault)  # set when the handler must see to it, for a stream has no halves for us
CONTROL = "/_sim/"
MAX_BODY = 20 * 1024 * 1024  # the larger of FastGPT's limits; GeWe publishes none
LOOK_AGAIN_S = 0.05  # how soon one that hangs sees that its client has gone

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@define
class Traffic:
    """Requests under way at the same time, and the most there ever were."""

    in_flight: int = 0
    most_in_flight: int = 0
    requests: int = 0

    def enter(self) -> None:
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1


@define(eq=False, kw_only=True)
class Gate:
    """`refuse` says no the way this service does; `counted` are the paths whose traffic is counted."""

    ledger: Ledger
    faults: Faults
    refuse: Callable[[web.Request, Any, Fault], web.Response]
    counted: str = "*"
    traffic: Traffic = field(factory=Traffic)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await _controlled(request, handler)
        if not fnmatchcase(request.path, self.counted):
            return await self._recorded(request, handler)
        self.traffic.enter()
        try:
            return await self._recorded(request, handler)
        finally:
            self.traffic.leave()

    async def _recorded(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        seconds, standing = self.faults.befall(request.path)
        if standing is not None and standing.fault.kind is Kind.RESET:
            entry = self.ledger.received(request.path, b"")
            self.ledger.ended(entry, Outcome.ABORTED)
            reset(request)
            return web.Response()
        entry = request[ENTRY] = self.ledger.received(request.path, await request.read())
        try:
            if seconds:
                await asyncio.sleep(seconds)
            answer = await (handler(request) if standing is None else self._struck(request, handler, standing))
        except web.HTTPException as refusal:
            self.ledger.ended(entry, Outcome.ANSWERED, refusal.status)
            raise
        finally:  # a handler that was cancelled, or fell, has not answered
            if entry.outcome is Outcome.PENDING and gone(request):
                self.ledger.ended(entry, Outcome.ABORTED)
        self.ledger.ended(entry, Outcome.ABORTED if gone(request) else Outcome.ANSWERED, answer.status)
        return answer

    async def _struck(self, request: web.Request, handler: Answer, standing: Standing) -> web.StreamResponse:
        fault = standing.fault
        match fault.kind:
            case Kind.STATUS:
                return _status(fault)
            case Kind.ERROR:
                return self.refuse(request, json_of(await request.read()), fault)
            case Kind.NONSENSE:
                return web.Response(body=NONSENSE.encode("latin-1"), content_type="application/json")
            case Kind.HANG:
                return await self._hang(request, standing)
            case _:
                return await self._taken_back(request, handler, fault)

    async def _taken_back(self, request: web.Request, handler: Answer, fault: Fault) -> web.StreamResponse:
        """The work is done (or not, as the fault says), but its answer does not arrive whole."""
        request[FAULT] = fault
        answer = await handler(request) if fault.effect else web.Response(body=b"{}")
        if fault.kind is Kind.GATEWAY:
            return web.Response(status=504, text=NGINX_504, content_type="text/html")
        if fault.kind is Kind.DROP:
            self.ledger.ended(request[ENTRY], Outcome.DROPPED)
            cut(request)
            return answer
        self.ledger.ended(request[ENTRY], Outcome.ABORTED, answer.status)
        return await half(request, answer) if isinstance(answer, web.Response) and not answer.prepared else answer

    async def _hang(self, request: web.Request, standing: Standing) -> web.StreamResponse:
        """Until the client goes or the fault is removed; then the connection is cut."""

        def over() -> bool:
            return gone(request) or not self.faults.stands(standing.id)

        while not over():
            try:
                await self.faults.changed.until(over, timeout=LOOK_AGAIN_S)
            except TimeoutError:
                continue
        self.ledger.ended(request[ENTRY], Outcome.DROPPED)
        cut(request)
        return web.Response()


async def _controlled(request: web.Request, handler: Answer) -> web.StreamResponse:
    try:
        return await handler(request)
    except Invalid as error:
        return reply({"error": str(error)}, status=400)


def _status(fault: Fault) -> web.Response:
    return web.Response(
        status=fault.status, text=fault.body, content_type=fault.content_type, headers=dict(fault.headers)
    )


def reply(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=encode(document), status=status, content_type="application/json", headers=headers)


def json_of(raw: bytes) -> Any:
    """The document, or None where there is none."""
    try:
        return parse(raw) if raw else None
    except Invalid:
        return None
