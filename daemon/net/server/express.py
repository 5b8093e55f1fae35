"""The short way through the server, for a route that is called thousands of times a second: past the router, the
middleware and the schemas, which together take twice the time of what such a route itself has to do.

Only the ordinary request goes this way; one that is odd in any respect goes the way of all others, which ends at the
same handler. What comes back is the same either way. Of what went well here the figures tell, and the log does not.
"""

import re

import structlog
from aiohttp import HttpVersion10, hdrs, web
from attrs import field, frozen

from daemon.codec import encode
from daemon.net.server.call import Call
from daemon.net.server.observe import ALWAYS, SERVER, Handler, Surroundings
from daemon.net.server.problems import as_ours
from daemon.net.server.routes import Open, Route

log = structlog.get_logger()

ANYTHING = "*/*"
USUAL = {**ALWAYS, "Server": SERVER, "Cache-Control": "no-store"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


@frozen
class Express:
    """For a POST whose path ends in its one parameter, and that reads its body itself."""

    app: web.Application
    route: Route
    around: Surroundings
    _prefix: str = field(init=False)
    _parameter: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        path, _, last = self.route.path.rpartition("/")
        signature = self.route.signature
        if self.route.who is not Open.CALLBACK or "{" in path or signature.body or signature.query:
            raise TypeError(f"{self.route.path} cannot be reached by the express way")
        object.__setattr__(self, "_prefix", f"{path}/")
        object.__setattr__(self, "_parameter", last.strip("{}"))

    async def __call__(self, general: Handler, request: web.Request) -> web.StreamResponse:
        path, name = request.raw_path, request.raw_path[len(self._prefix) :]
        ours = request.method == hdrs.METH_POST and path.startswith(self._prefix) and _NAME.fullmatch(name)
        if not ours or self._odd(request):
            return await general(request)
        around, began = self.around, self.around.clock.monotonic()
        request_id, language = around.request_id(request), around.language_of(request)
        call = Call(app=self.app, request=request, id=request_id, language=language, address="", known=None)
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = await self._answered(call, name)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
        around.metrics.answered("POST", self.route.path, response.status, around.clock.monotonic() - began)
        return response

    def _odd(self, request: web.Request) -> bool:
        headers = request.headers
        return (
            hdrs.EXPECT in headers
            or hdrs.CONTENT_ENCODING in headers
            or headers.get(hdrs.ACCEPT, ANYTHING) != ANYTHING
            or request.version < HttpVersion10
            or not self.around.admits(request)
        )

    async def _answered(self, call: Call, name: str) -> web.Response:
        headers = {**USUAL, "X-Request-ID": call.id}
        try:
            answer = await self.route.handler(call, **{self._parameter: name})
        except ConnectionError:
            log.info("http.abandoned", method="POST", route=self.route.path)
            raise
        except Exception as error:
            refusal = self.around.teller.tell(
                as_ours(error), language=call.language, request_id=call.id, statuses=self.route.statuses
            )
            refusal.headers.update(headers)
            log.info("http.answered", method="POST", route=self.route.path, status=refusal.status)
            return refusal
        return web.Response(body=encode(answer), headers=headers, content_type="application/json")


EXPRESS = web.AppKey("express", Express)
