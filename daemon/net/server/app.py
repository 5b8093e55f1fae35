"""All routes, their surroundings and the services behind them as one aiohttp application."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from daemon import __version__
from daemon.codec import encode
from daemon.net.server import docs
from daemon.net.server.auth import DOOR, Door
from daemon.net.server.endpoint import Endpoint
from daemon.net.server.express import EXPRESS, Express
from daemon.net.server.idempotency import Replays
from daemon.net.server.observe import Surroundings, add_headers
from daemon.net.server.openapi import document
from daemon.net.server.problems import MANNERS, OURS, TELLER
from daemon.net.server.routes import BODY_MOST, Route, Routes, checked
from daemon.net.server.schema import Schemas


def build(
    tables: Iterable[Routes],
    door: Door,
    replays: Replays,
    around: Surroundings,
    services: Mapping[web.AppKey[Any], Any],
) -> web.Application:
    app = web.Application(middlewares=[around.around], client_max_size=BODY_MOST)
    app.on_response_prepare.append(add_headers)
    for key, service in services.items():
        app[key] = service
    app[DOOR] = door
    app[TELLER] = around.teller
    schemas, routes = Schemas(), in_order(tables)
    app[MANNERS] = list({route.manner.prefix: route.manner for route in routes if route.manner is not OURS}.values())
    app[docs.DOCUMENT] = docs.Document(lambda: encode(document(routes, version=__version__)))
    for route in routes:
        _add(app, route, Endpoint(route, door, replays, schemas))
        if route.express:
            app[EXPRESS] = Express(app, route, around)
    return app


def in_order(tables: Iterable[Routes]) -> list[Route]:
    """With the documents. Fixed segments before named ones: `/keys/mine` is found before `/keys/{key_id}`."""
    routes = [checked(route) for table in (docs.routes, *tables) for route in table.routes]
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise TypeError(f"{route.method} {route.path} is declared twice")
        seen.add((route.method, route.path))
    return sorted(routes, key=lambda route: [segment.startswith("{") for segment in route.path.split("/")])


def _add(app: web.Application, route: Route, endpoint: Endpoint) -> None:
    bare = route.path.rstrip("/")
    methods = (route.method, "HEAD") if route.method == "GET" else (route.method,)
    for path in [bare, bare + "/"] if bare else ["/"]:
        for method in methods:
            app.router.add_route(method, path, endpoint.__call__)
