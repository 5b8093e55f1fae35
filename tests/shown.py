"""docs/shown.md: every route, every method of GeWe and FastGPT, and the test that shows it. `make shown` writes it.

It is made of evidence. While `SHOWN` names a file, each test that passes leaves a line there: which routes answered it,
and which methods of the clients really called. Of the tests that show a thing the most telling one is named: one whose
name speaks of it, and that touches little else.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import define, field, frozen

from daemon.codec import encode
from daemon.face import TABLES
from daemon.net.fastgpt.client import FastGpt
from daemon.net.fastgpt.desk import FastGptDesk
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.contacts import GeweContacts
from daemon.net.gewe.devices import GeweDevices
from daemon.net.gewe.media import GeweMedia
from daemon.net.gewe.messages import GeweMessenger
from daemon.net.gewe.moments import GeweMoments
from daemon.net.gewe.rooms import GeweRooms
from daemon.net.outbound import Outbound
from daemon.net.server.app import in_order
from daemon.net.server.metrics import HttpMetrics
from tests import seed

PAGE = Path("docs/shown.md")
ROUTES = {f"{route.method} {route.path}": route for route in in_order(TABLES)}


def _written(route: str) -> str:
    """As its table has it: the server knows each by its path without the slash at the end."""
    return route if route in ROUTES else f"{route}/"


GEWE: Mapping[str, type] = {
    "messenger": GeweMessenger,
    "devices": GeweDevices,
    "contacts": GeweContacts,
    "rooms": GeweRooms,
    "moments": GeweMoments,
    "media": GeweMedia,
}
FASTGPT: Mapping[str, type] = {"FastGpt": FastGpt, "FastGptDesk": FastGptDesk}
SWEEPING = ("test_matrix.py", "test_contract.py")  # they go through everything
FETCHED = "GET of the address"  # the one call that is no POST of GeWe's

_method: ContextVar[str] = ContextVar("method", default="")


def methods(clients: Mapping[str, type]) -> Iterator[tuple[str, type, str]]:
    for port, client in clients.items():
        for name in vars(client):
            if not name.startswith("_") and callable(getattr(client, name)):
                yield f"{port}.{name}", client, name


def gewe_calls() -> list[tuple[str, str]]:
    """Method and path, as docs/gewe.md has them; it is held against the client by a test of its own."""
    table = Path("docs/gewe.md").read_text("utf-8").partition("## What is called")[2]
    rows = re.findall(r"^\| `([\w.]+)`[^|]*\| `?(.*?)`? \|", table, re.MULTILINE)
    return list(dict.fromkeys(rows))


@define(eq=False)
class Recorder:
    """A plugin of pytest: what each test really called."""

    file: Path
    routes: dict[str, set[int]] = field(factory=dict)
    calls: set[str] = field(factory=set)
    failed: bool = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.routes, self.calls, self.failed = {}, set(), False
        told: Any = yield
        if not self.failed and (self.routes or self.calls):
            line = {
                "test": item.nodeid,
                "routes": {route: sorted(statuses) for route, statuses in self.routes.items()},
                "calls": sorted(self.calls),
            }
            with self.file.open("ab") as evidence:
                evidence.write(encode(line) + b"\n")
        return told  # type: ignore[no-any-return]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= not report.passed

    def begin(self) -> None:
        _replace(HttpMetrics, "answered", self._heard_answer)
        _replace(Calls, "post", self._heard_post)
        for name in ("request", "stream"):
            _replace(Outbound, name, self._heard_request)
        for name, client, attribute in (*methods(GEWE), *methods(FASTGPT)):
            original = getattr(client, attribute)
            wrap = self._heard if iscoroutinefunction(original) else self._heard_stream
            setattr(client, attribute, wrap(name, original))

    def _heard_answer(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def answered(metrics: HttpMetrics, method: str, route: str, status: int, seconds: float) -> None:
            self.routes.setdefault(f"{method} {route}", set()).add(status)
            original(metrics, method, route, status, seconds)

        return answered

    def _heard_post(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def post(calls: Calls, account: Any, path: str, *given: Any, **named: Any) -> Any:
            data = await original(calls, account, path, *given, **named)
            self.calls.add(f"{_method.get()} {path}")
            return data

        return post

    def _heard_request(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def request(outbound: Outbound, service: str, verb: str, url: str, *given: Any, **named: Any) -> Any:
            if _method.get().startswith("FastGpt"):
                path = re.sub(r"^/api", "", urlsplit(url).path)
                self.calls.add(f"{_method.get()} {path}")
            return original(outbound, service, verb, url, *given, **named)

        return request

    def _heard(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        async def method(*given: Any, **named: Any) -> Any:
            outer = _method.set(name)
            try:
                answer = await original(*given, **named)
            finally:
                _method.reset(outer)
            self.calls.add(name)  # not before: what was refused shows nothing
            return answer

        return method

    def _heard_stream(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @asynccontextmanager
        async def method(*given: Any, **named: Any) -> Any:
            async with original(*given, **named) as stream:
                self.calls |= {name, f"{name} {FETCHED}"}
                yield stream

        return method


def _replace(owner: type, name: str, by: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, by(getattr(owner, name)))


@frozen
class Evidence:
    test: str  # `tests/flows/test_acts.py::test_an_act[one]`
    routes: Mapping[str, tuple[int, ...]]
    calls: frozenset[str]

    @property
    def name(self) -> str:
        return self.test.partition("::")[2].partition("[")[0]

    @property
    def file(self) -> str:
        return self.test.partition("::")[0]

    @property
    def served(self) -> frozenset[str]:
        """What answered it well."""
        return frozenset(route for route, statuses in self.routes.items() if route in ROUTES and min(statuses) < 400)

    @property
    def link(self) -> str:
        """With the case of a test of many, where its name can stand in a table."""
        case = self.test.partition("[")[2].removesuffix("]")
        told = f" ({case})" if re.fullmatch(r"[\w .:/-]{3,50}", case, re.ASCII) else ""
        return f"[`{self.name}`](../{self.file}){told}"

    def rank(self, said: str) -> tuple[bool, bool, int, int, str]:
        """The smaller the more telling for a thing that is described as `said`."""
        words = _words(f"{Path(self.file).stem} {self.name}")
        return (
            self.file.endswith(SWEEPING),
            not self.file.startswith(("tests/flows", "tests/net")),
            -len(words & _words(said)),
            len(self.served) + len(self.calls),
            self.test,
        )


def _words(text: str) -> set[str]:
    """By their stems, roughly: `deleting` and `deleted` are one."""
    return {word[:5] for word in re.findall(r"[a-z]{4,}", text.lower())} - {"test", "gewe", "fastg", "integ", "which"}


def read(file: Path) -> list[Evidence]:
    lines = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    return [
        Evidence(
            line["test"],
            {_written(route): tuple(all_) for route, all_ in line["routes"].items()},
            frozenset(line["calls"]),
        )
        for line in lines
    ]


@define
class Page:
    evidence: list[Evidence]
    missing: list[str] = field(factory=list)

    def text(self) -> str:
        gewe = gewe_calls()
        fastgpt = [name for name, _, _ in methods(FASTGPT)]
        head, routes, calls, runs, seeds = _TEXT.split("\n\n\n")
        return "\n".join(
            [
                head + "\n\n" + routes,
                *(self._route(name) for name in sorted(ROUTES, key=_by_path)),
                "\n" + calls,
                *(self._call(method, path) for method, path in gewe),
                "\n" + runs,
                *(self._run(name) for name in fastgpt),
                "\n" + seeds,
                *(self._seed(promised) for promised in seed.METHODS),
                "",
            ]
        )

    def _route(self, name: str) -> str:
        route = ROUTES[name]
        said = f"{route.summary} {route.path} {route.handler.__name__} {route.tag}"
        return f"| `{name}` | {route.summary} | {self._shown(name, said, lambda one: name in one.served)} |"

    def _call(self, method: str, path: str) -> str:
        wanted = {method, f"{method} {path}"}
        shown = self._shown(f"{method} {path}", _said(method, path), lambda one: wanted <= one.calls)
        return f"| `{method}` | `{path}` | {shown} |"

    def _run(self, name: str) -> str:
        paths = sorted({call.split()[1] for one in self.evidence for call in one.calls if call.startswith(f"{name} ")})
        shown = self._shown(name, _said(name, ""), lambda one: name in one.calls)
        return f"| `{name}` | {', '.join(f'`{path}`' for path in paths) or '–'} | {shown} |"

    def _seed(self, promised: seed.Promised) -> str:
        def holds(one: Evidence) -> bool:
            return one.served >= set(promised.routes) and one.calls >= set(promised.calls)

        routes = ", ".join(f"`{route}`" for route in promised.routes) or promised.instead
        shown = self._shown(promised.name, f"{promised.name} {' '.join(promised.routes)}".replace("_", " "), holds)
        return f"| `{promised.name}` | {routes} | {shown} |"

    def _shown(self, what: str, said: str, holds: Callable[[Evidence], bool]) -> str:
        best = min((one for one in self.evidence if holds(one)), key=lambda one: one.rank(said), default=None)
        if best is None:
            self.missing.append(what)
        return best.link if best else "–"


def _by_path(name: str) -> tuple[str, str]:
    method, _, path = name.partition(" ")
    return path, method


def _said(method: str, path: str) -> str:
    return re.sub(r"([A-Z])", r" \1", f"{method.replace('.', ' ').replace('_', ' ')} {path}")


_TEXT = """\
# What is shown by which test

Made by `make shown` from what the tests really did: for each route a test that it answered with success, for each
method of a client a test in which it called its service and got its answer. Of all tests that show a thing the one is
named that speaks of it and touches little else. The simulators play the services.


## Routes

| route | what | test |
|---|---|---|


## GeWe

| method | GeWe's path | test |
|---|---|---|


## FastGPT

| method | FastGPT's path, below its `/api` | test |
|---|---|---|


## The methods of the seed

What `GeWeService` and `FastGPTService` promise, and where it is here.

| method | here | test |
|---|---|---|"""


def main(files: Iterable[str]) -> int:
    page = Page([one for file in files for one in read(Path(file))])
    PAGE.write_text(page.text(), "utf-8")
    for what in page.missing:
        print(f"shown by no test: {what}", file=sys.stderr)  # noqa: T201
    return 1 if page.missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
