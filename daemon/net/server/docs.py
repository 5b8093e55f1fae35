"""The API explained by the daemon itself: the document, a page that shows it with no internet, every problem code."""

import asyncio
from collections.abc import Callable
from importlib import resources

from aiohttp import web
from attrs import define, field, frozen

from daemon.errors import NotFound
from daemon.net.server.call import Call
from daemon.net.server.routes import Open, Routes
from daemon.texts import LANGUAGES, TEXTS

POLICY = (  # nothing from elsewhere, nothing inline: what a message says can never run here
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

routes = Routes("Documents")


@define(eq=False)
class Document:
    """The OpenAPI document, encoded: written when it is first asked for, on a thread, and kept.

    It takes 40 ms and 4 MB to write, which no start need wait for, nor a daemon hold that nobody asks.
    """

    write: Callable[[], bytes]
    written: bytes | None = field(default=None, init=False)
    _writing: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def read(self) -> bytes:
        async with self._writing:
            if self.written is None:
                self.written = await asyncio.to_thread(self.write)
            return self.written


DOCUMENT = web.AppKey("document", Document)


@frozen(kw_only=True)
class ProblemType:
    """What a problem code means, in each language."""

    code: str
    en: str
    zh: str


@routes.get("/openapi.json", role=Open.PUBLIC, summary="This document")
async def openapi(call: Call) -> web.Response:
    return web.Response(body=await call.service(DOCUMENT).read(), content_type="application/json")


@routes.get("/docs", role=Open.PUBLIC, summary="This document, for people", produces="text/html")
async def page(_: Call) -> web.Response:
    return _asset("index.html", "text/html")


@routes.get("/docs/page.js", role=Open.PUBLIC, summary="What draws the page", produces="text/javascript")
async def script(_: Call) -> web.Response:
    return _asset("page.js", "text/javascript")


@routes.get("/docs/page.css", role=Open.PUBLIC, summary="How the page looks", produces="text/css")
async def style(_: Call) -> web.Response:
    return _asset("page.css", "text/css")


@routes.get("/", role=Open.PUBLIC, summary="Where to go from here", produces="text/html")
async def landing(_: Call) -> web.Response:
    return _asset("landing.html", "text/html")


@routes.get("/problems/{code}", role=Open.PUBLIC, summary="What a problem's `type` points to")
async def problem(_: Call, code: str) -> ProblemType:
    if code not in TEXTS:
        raise NotFound("problem.not_found")
    return ProblemType(code=code, **dict(zip(LANGUAGES, TEXTS[code], strict=True)))


def _asset(name: str, content_type: str) -> web.Response:
    text = (resources.files("daemon.net.server") / "docs_page" / name).read_text("utf-8")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type=content_type, headers=headers)
