"""A resource with everything a handler's signature may say, for the tests of the framework itself."""

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from aiohttp import web
from attrs import field, frozen

from daemon.domain.access import Role
from daemon.errors import NotFound, OutcomeUnknown, PreconditionFailed
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.net.server.routes import Open, Routes
from daemon.secret import Secret

GATE = web.AppKey("gate", asyncio.Event)
FED = web.AppKey("fed", list[str])

routes = Routes("Zoo")


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@frozen(kw_only=True)
class Fish:
    kind: Literal["fish"] = "fish"
    fins: Annotated[int, Range(0, 9)]


@frozen(kw_only=True)
class Bird:
    kind: Literal["bird"] = "bird"
    sings: bool = True


@frozen(kw_only=True)
class NewAnimal:
    name: Annotated[str, Length(1, 20), Note("What it is called.", "Jonah")]
    is_a: Fish | Bird
    code: Annotated[str | None, Pattern("[A-Z]{3}")] = None
    size: Size = Size.SMALL
    born_at: datetime | None = None
    weight: Annotated[float, Range(0, 1000)] = 1.0
    food: Annotated[tuple[str, ...], Length(most=3)] = ()
    notes: dict[str, Any] = field(factory=dict)
    password: Secret | None = None
    young: tuple["NewAnimal", ...] = ()


@frozen(kw_only=True)
class NewName:
    name: str


@frozen(kw_only=True)
class Animal:
    id: int
    name: str
    size: Size
    password: Secret | None
    version: int


@routes.post("/zoo", role=Role.OPERATOR, summary="Take an animal in", status=201, effect=True)
async def take_in(call: Call, body: NewAnimal) -> Animal:
    call.service(FED).append(body.name)
    if body.name == "Kraken":
        raise OutcomeUnknown("remote.timeout", service="sea")
    if body.name == "Nobody":
        raise NotFound("key.not_found")
    if body.name == "Bug":
        raise ZeroDivisionError("secret-in-a-message")
    if body.name == "Slow":
        await call.service(GATE).wait()
    return Animal(id=1, name=body.name, size=body.size, password=body.password, version=3)


@routes.get("/zoo", role=(Role.VIEWER, Role.AGENT), summary="All animals")
async def listing(
    _: Call,
    paging: Paging,
    *,
    size: Size | None = None,
    at_least: Annotated[int, Range(0, 100)] = 0,
    tame: bool | None = None,
    tags: Annotated[tuple[str, ...], Length(most=20)] = (),
) -> Page[Animal]:
    assert isinstance(tags, tuple)
    assert tame in (None, True, False)
    numbers = [n for n in range(7, 0, -1) if n >= at_least and (paging.after is None or n < int(paging.after))]
    rows = [Animal(id=n, name=str(n), size=size or Size.LARGE, password=None, version=1) for n in numbers]
    return Page.of(rows[: paging.limit + 1], 7, paging, view=lambda row: row, after=lambda row: str(row.id))


@routes.get("/zoo/{number}", role=Role.VIEWER, summary="One animal", statuses={NotFound: 400})
async def show(_: Call, number: Annotated[int, Range(1, 99)]) -> Animal:
    if number > 7:
        raise NotFound("key.not_found")
    return Animal(id=number, name="x", size=Size.SMALL, password=None, version=number)


@routes.get("/zoo/mine", role=Role.VIEWER, summary="Declared after /zoo/{number}, found before it")
async def mine(call: Call) -> dict[str, str]:
    return {"actor": call.actor.id, "language": call.language, "request": call.id}


@routes.put("/zoo/{number}", role=Role.OPERATOR, summary="Rename an animal")
async def rename(call: Call, number: int, body: NewName) -> Reply[dict[str, str]]:
    if call.if_match not in (None, 3):
        raise PreconditionFailed("stale")
    return Reply(body={"name": body.name, "number": str(number)}, version=4)


@routes.post("/hooks/{secret}", role=Open.CALLBACK, summary="Raw bytes", body_most=1000)
async def hook(_: Call, secret: str, body: bytes) -> dict[str, int]:
    return {"path": len(secret), "body": len(body)}


@routes.get("/flood", role=Open.PUBLIC, summary="More than any buffer holds", produces="application/octet-stream")
async def flood(call: Call) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    await response.prepare(call.request)
    for _ in range(1000):
        await response.write(bytes(65536))
    return response


@routes.get("/crash", role=Open.PUBLIC, summary="Ends badly")
async def crash(_: Call, *, how: str) -> None:
    raise {"memory": MemoryError(), "recursion": RecursionError(), "overflow": OverflowError()}.get(how) or KeyError(
        how
    )
