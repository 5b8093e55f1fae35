"""Prices: what the units of a provider cost, from when on."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.cost import Price
from daemon.engine.prices import PriceDraft
from daemon.errors import Forbidden
from daemon.net.api.services import PRICES
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import SAFE_INTEGER, Length, Note, Pattern, Range
from daemon.net.server.routes import Routes

routes = Routes("Prices")

PATH = "/api/v1/prices"
MOST = SAFE_INTEGER // 1000

Provider = Annotated[str, Length(1, 40), Pattern("[a-z0-9_-]+"), Note("fastgpt, gewe, …", "fastgpt")]
Model = Annotated[
    str,
    Length(1, 200),
    Note("A FastGPT app id, a model, a kind of act (`send` for messages); `*`: all without a price of their own.", "*"),
]
Micro = Annotated[int, Range(0, MOST)]


@frozen(kw_only=True)
class PriceBody:
    """Money in millionths of the currency in the settings."""

    provider: Provider
    model: Model = "*"
    point_micro: Annotated[Micro, Note("For one point.", 15000)] = 0
    input_micro: Annotated[Micro, Note("For 1,000 input tokens.")] = 0
    output_micro: Annotated[Micro, Note("For 1,000 output tokens.")] = 0
    embedding_micro: Annotated[Micro, Note("For 1,000 embedding tokens.")] = 0
    act_micro: Annotated[Micro, Note("For one act or message.")] = 0
    valid_from: Annotated[datetime | None, Note("Left out: from now on; in a change: as it was.")] = None


@frozen(kw_only=True)
class PriceView:
    id: str
    provider: str
    model: str
    point_micro: int
    input_micro: int
    output_micro: int
    embedding_micro: int
    act_micro: int
    valid_from: datetime
    created_at: datetime
    updated_at: datetime
    version: int


@routes.get(PATH, role=Role.VIEWER, summary="List prices; current=true are those that hold now")
async def page(
    call: Call,
    paging: Paging,
    *,
    provider: Provider | None = None,
    model: Model | None = None,
    current: bool | None = None,
) -> Page[PriceView]:
    rows, total = await call.service(PRICES).page(
        provider=provider, model=model, current=current, before=paging.after, limit=paging.limit + 1
    )
    return Page.of(rows, total, paging, view=view, after=lambda price: price.id)


@routes.post(PATH, role=Role.ADMIN, summary="Add a price", status=201, effect=True)
async def create(call: Call, body: PriceBody) -> Reply[PriceView]:
    _everybodys(call)
    price = await call.service(PRICES).add(_draft(body), by=call.actor)
    return Reply(body=view(price), headers={"Location": f"{PATH}/{price.id}"})


@routes.get(PATH + "/{price_id}", role=Role.VIEWER, summary="Show a price")
async def show(call: Call, price_id: str) -> PriceView:
    return view(await call.service(PRICES).get(price_id))


@routes.put(PATH + "/{price_id}", role=Role.ADMIN, summary="Change a price; what was settled keeps its cost")
async def change(call: Call, price_id: str, body: PriceBody) -> PriceView:
    _everybodys(call)
    return view(await call.service(PRICES).change(price_id, _draft(body), version=call.if_match, by=call.actor))


@routes.delete(PATH + "/{price_id}", role=Role.ADMIN, summary="Remove a price that does not hold yet")
async def remove(call: Call, price_id: str) -> None:
    _everybodys(call)
    await call.service(PRICES).remove(price_id, version=call.if_match, by=call.actor)


def _everybodys(call: Call) -> None:
    """A price counts for every account: who may touch only some must not set it."""
    if call.scope is not None:
        raise Forbidden("auth.account")


def view(price: Price) -> PriceView:
    return PriceView(
        id=price.id,
        provider=price.provider,
        model=price.model,
        point_micro=price.point_micro,
        input_micro=price.input_micro,
        output_micro=price.output_micro,
        embedding_micro=price.embedding_micro,
        act_micro=price.act_micro,
        valid_from=price.valid_from,
        created_at=price.created_at,
        updated_at=price.updated_at,
        version=price.version,
    )


def _draft(body: PriceBody) -> PriceDraft:
    return PriceDraft(
        provider=body.provider,
        model=body.model,
        point_micro=body.point_micro,
        input_micro=body.input_micro,
        output_micro=body.output_micro,
        embedding_micro=body.embedding_micro,
        act_micro=body.act_micro,
        valid_from=body.valid_from,
    )
