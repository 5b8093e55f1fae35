"""`Idempotency-Key`: the first answer to a POST is kept for a day, and given again instead of doing it twice."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web
from attrs import frozen

from daemon.errors import Conflict, Invalid, OutcomeUnknown, Problem, QiaodError
from daemon.net.server.call import Call
from daemon.net.server.routes import Route
from daemon.store import idempotency
from daemon.store.database import Database
from daemon.store.idempotency import Seen
from daemon.texts import render

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
KEPT_HEADERS = ("Content-Type", "ETag", "Location")

UNCERTAIN = 500  # stored for a call that failed after it may have had its effect

Answer = Callable[[], Awaitable[web.StreamResponse]]


@frozen
class Replays:
    db: Database
    keep: timedelta = timedelta(hours=24)

    async def once(self, call: Call, route: Route, body: bytes, answer: Answer) -> web.StreamResponse:
        """`answer`'s answer, or the one it gave before."""
        key = call.request.headers.get(HEADER)
        if key is None or not route.effect or call.known is None:
            return await answer()
        if not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
            raise Invalid(problems=[Problem(HEADER, render("field.idempotency_key", call.language, {}))])
        actor, fingerprint = call.known.id, _fingerprint(call.request, body)
        seen = await self.db.write(idempotency.begin, actor=actor, key=key, fingerprint=fingerprint, keep=self.keep)
        if seen is not None:
            return _again(seen, fingerprint)
        return await self._first(actor, key, route, answer)

    async def _first(self, actor: str, key: str, route: Route, answer: Answer) -> web.StreamResponse:
        try:
            response = await answer()
        except Exception as error:
            await self._failed(actor, key, error)
            raise
        if not isinstance(response, web.Response):
            await self.db.write(idempotency.release, actor=actor, key=key)  # a stream cannot be given again
            return response
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        body = None if route.once else _bytes(response)
        await self.db.write(
            idempotency.finish, actor=actor, key=key, status=response.status, body=body, headers=headers
        )
        return response

    async def _failed(self, actor: str, key: str, error: Exception) -> None:
        """What was refused on purpose may be tried again; what may have happened may not."""
        unsure = isinstance(error, OutcomeUnknown) or getattr(error, "may_have_run", False)
        if isinstance(error, QiaodError | web.HTTPException) and not unsure:
            await self.db.write(idempotency.release, actor=actor, key=key)
        else:
            await self.db.write(idempotency.finish, actor=actor, key=key, status=UNCERTAIN, body=None, headers={})


def _fingerprint(request: web.Request, body: bytes) -> bytes:
    target = f"{request.method} {request.path_qs}\n"
    return hashlib.sha256(target.encode("utf-8", "surrogateescape") + body).digest()


def _again(seen: Seen, fingerprint: bytes) -> web.Response:
    if seen.fingerprint != fingerprint:
        raise Conflict("idempotency.other_request")
    if seen.status is None:
        raise Conflict("idempotency.running")
    if seen.status == UNCERTAIN and seen.body is None:
        raise Conflict("idempotency.uncertain")
    if seen.body is None:
        raise Conflict("idempotency.secret_answer")
    headers = seen.headers | {"Idempotency-Replayed": "true"}
    return web.Response(body=seen.body, status=seen.status, headers=headers)


def _bytes(response: web.Response) -> bytes:
    return bytes(response.body) if isinstance(response.body, bytes | bytearray) else b""
