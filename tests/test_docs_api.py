"""docs/api.md names every route with its role, and every request that a page shows is one that the API takes."""

import re
from pathlib import Path
from typing import Any

import pytest

from daemon.codec import parse
from daemon.domain.access import Role
from daemon.face import TABLES
from daemon.net.server.app import in_order
from daemon.net.server.routes import Open, Route
from daemon.net.server.schema import Schemas
from daemon.net.server.validate import Check
from tests.pages import PAGES, slug

PAGE = Path("docs/api.md")
ROUTES = in_order(TABLES)
WHO = {Open.PUBLIC: "anybody", Open.CALLBACK: "who knows the path", Open.LOCAL: "viewer; anybody on the socket"}
CURL = re.compile(r"^call (.*?)(?=^call |^```)", re.MULTILINE | re.DOTALL)  # `call` is the pages' own word for curl


def who(route: Route) -> str:
    if isinstance(route.who, Open):
        return WHO[route.who]
    return route.who.value if isinstance(route.who, Role) else ", ".join(role.value for role in route.who)


def row(route: Route) -> str:
    return f"| `{route.method} {route.path}` | {who(route)} | [{route.summary}](#{slug(route.tag)}) |"


def sample(source: str) -> tuple[str, str, Any]:
    """Method, path and body of one `call`: `call -X PUT "$API/keys?limit=2" -d '{…}'`."""
    target = re.search(r"\$API(/[^\s\"'?]*)", source)
    body = re.search(r"-d '(.*)'", source, re.DOTALL)
    method = re.search(r"-X (\w+)", source)
    assert target is not None, source
    document = None if body is None else parse(re.sub(r"'?\"?\$\w+\"?'?", "0123456789", body[1]).encode())
    return method[1] if method else ("GET" if body is None else "POST"), "/api/v1" + target[1], document


def asked_for(method: str, path: str) -> Route | None:
    segments = path.rstrip("/").split("/")
    for route in ROUTES:
        parts = route.path.split("/")
        same = all(part == segment or part.startswith("{") for part, segment in zip(parts, segments, strict=False))
        if route.method == method and same and len(parts) == len(segments):
            return route
    return None


SAMPLES = [(page.name, found[1]) for page in PAGES for found in CURL.finditer(page.read_text("utf-8"))]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_its_row_with_its_role(route: Route) -> None:
    assert row(route) in PAGE.read_text("utf-8").splitlines(), f"docs/api.md wants: {row(route)}"


def test_no_row_is_left_of_a_route_that_is_gone() -> None:
    rows = {line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| `[A-Z]+ /", line)}
    assert rows == {row(route) for route in ROUTES}


@pytest.mark.parametrize("tag", sorted({route.tag for route in ROUTES}))
def test_every_tag_has_its_section(tag: str) -> None:
    assert f"\n### {tag}\n" in PAGE.read_text("utf-8")


@pytest.mark.parametrize(("page", "source"), SAMPLES)
def test_a_request_that_is_shown_is_one_the_api_takes(page: str, source: str) -> None:
    method, path, body = sample(source)
    route = asked_for(method, path)
    assert route is not None, f"{page}: there is no {method} {path}"
    wanted = route.signature.body
    assert (body is None) or wanted is not None
    if wanted is not None and (wanted.required or body is not None):
        schemas = Schemas()
        assert Check(schemas, "en").problems(body, schemas.of(wanted.kind)) == [], f"{page}: {source}"


def test_many_requests_are_shown() -> None:
    assert len(SAMPLES) > 15


def test_a_wrong_sample_is_seen() -> None:
    assert asked_for("POST", "/api/v1/nothing") is None
    method, path, body = sample("""-X PUT "$API/workflows/$W" -H 'If-Match: "1"' -d '{"name": "'$N'"}'\n""")
    assert (method, path, body) == ("PUT", "/api/v1/workflows/$W", {"name": "0123456789"})
    assert asked_for(method, path) is not None
