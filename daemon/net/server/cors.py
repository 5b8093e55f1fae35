"""Which web pages may call us from a browser (CORS): those of the origins that the settings list, on the routes that
pages are for.

Credentials are never allowed: a page shows a key of ours, and no cookie of the console counts there.
"""

from collections.abc import Mapping

from aiohttp import hdrs, web
from attrs import frozen

ANY = "*"
PATHS = ("/api/chat/", "/v1/")  # what websites and apps call; all else is for the console and for programs
METHODS = "GET, POST, DELETE"
EXPOSED = (
    "X-Request-ID, X-Conversation-Id, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, "
    "WWW-Authenticate, Retry-After-Ms, X-Should-Retry, OpenAI-Processing-Ms"
)
MAX_AGE = "600"  # seconds that a browser need not ask again; more than two hours counts nowhere
MOST_HEADERS = 2000  # characters of a wish list


@frozen
class Cors:
    """Pure: headers in, headers out."""

    origins: frozenset[str] = frozenset()

    def headers(self, request: web.BaseRequest) -> Mapping[str, str]:
        """What every answer of the route tells the browser, whatever becomes of the request."""
        if not self.origins or not request.path.startswith(PATHS):
            return {}
        allowed = self._allowed(request.headers.get(hdrs.ORIGIN, ""))
        told = {} if ANY in self.origins else {hdrs.VARY: hdrs.ORIGIN}
        return told | ({} if allowed is None else {_ALLOW_ORIGIN: allowed, _EXPOSE: EXPOSED})

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a browser that asks before it sends; None where this is no such question."""
        asked = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if not asked or not self.origins or not request.path.startswith(PATHS):
            return None
        response = web.Response(status=204)
        if self._allowed(request.headers.get(hdrs.ORIGIN, "")) is not None:
            wished = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = METHODS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = MAX_AGE
            if wished and len(wished) <= MOST_HEADERS:  # SDKs have a dozen of their own, and none means anything to us
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wished
        return response

    def _allowed(self, origin: str) -> str | None:
        if ANY in self.origins:
            return ANY
        return origin if origin in self.origins else None


_ALLOW_ORIGIN, _EXPOSE = hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, hdrs.ACCESS_CONTROL_EXPOSE_HEADERS
