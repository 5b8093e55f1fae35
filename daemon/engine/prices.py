"""Prices as operators set them: what a provider's units cost, from when on. What was settled keeps its cost."""

from datetime import datetime
from typing import Any

from attrs import asdict, define, evolve, frozen

from daemon.clock import rfc3339
from daemon.domain.access import Actor
from daemon.domain.cost import ANY_MODEL, Price
from daemon.engine.costs import unpriced
from daemon.errors import Conflict, NotFound, PreconditionFailed
from daemon.store import alerts, audit, prices
from daemon.store.database import Database
from daemon.store.tx import Tx


@frozen(kw_only=True)
class PriceDraft:
    """What an operator says of a price. `valid_from` None: from now on, or as it was."""

    provider: str
    model: str
    point_micro: int
    input_micro: int
    output_micro: int
    embedding_micro: int
    act_micro: int
    valid_from: datetime | None


@define
class Prices:
    db: Database

    async def page(
        self, *, provider: str | None, model: str | None, current: bool | None, before: str | None, limit: int
    ) -> tuple[list[Price], int]:
        return await self.db.read(_page, provider=provider, model=model, current=current, before=before, limit=limit)

    async def get(self, price_id: str) -> Price:
        return await self.db.read(_known, price_id, None)

    async def add(self, draft: PriceDraft, *, by: Actor) -> Price:
        return await self.db.write(_add, draft, by=by)

    async def change(self, price_id: str, draft: PriceDraft, *, version: int | None, by: Actor) -> Price:
        return await self.db.write(_change, price_id, draft, version=version, by=by)

    async def remove(self, price_id: str, *, version: int | None, by: Actor) -> None:
        await self.db.write(_remove, price_id, version=version, by=by)


def _page(
    tx: Tx, *, provider: str | None, model: str | None, current: bool | None, before: str | None, limit: int
) -> tuple[list[Price], int]:
    found = prices.page(tx, provider=provider, model=model, current=current, before=before, limit=limit)
    return found, prices.count(tx, provider=provider, model=model, current=current)


def _known(tx: Tx, price_id: str, version: int | None) -> Price:
    price = prices.get(tx, price_id)
    if price is None:
        raise NotFound("price.not_found")
    if version is not None and version != price.version:
        raise PreconditionFailed("stale_version", found=price.version)
    return price


def _add(tx: Tx, draft: PriceDraft, *, by: Actor) -> Price:
    price = Price(
        id=tx.new_id(), created_at=tx.now, updated_at=tx.now, version=1, **_fields(draft, draft.valid_from or tx.now)
    )
    _refuse_twin(tx, price)
    prices.add(tx, price)
    _calm(tx, price)
    audit.record(tx, by, "price.created", f"price:{price.id}", detail=_told(price))
    return price


def _change(tx: Tx, price_id: str, draft: PriceDraft, *, version: int | None, by: Actor) -> Price:
    known = _known(tx, price_id, version)
    fields = _fields(draft, draft.valid_from or known.valid_from)
    price = evolve(known, updated_at=tx.now, version=known.version + 1, **fields)
    _refuse_twin(tx, price)
    prices.save(tx, price)
    _calm(tx, price)
    audit.record(tx, by, "price.changed", f"price:{price_id}", detail={"before": _told(known), "after": _told(price)})
    return price


def _remove(tx: Tx, price_id: str, *, version: int | None, by: Actor) -> None:
    known = _known(tx, price_id, version)
    if known.valid_from <= tx.now:
        raise Conflict("price.in_force")
    prices.remove(tx, price_id)
    audit.record(tx, by, "price.removed", f"price:{price_id}", detail=_told(known))


def _refuse_twin(tx: Tx, price: Price) -> None:
    """Of two that begin at once nobody could say which holds."""
    twin = prices.twin(tx, provider=price.provider, model=price.model, valid_from=price.valid_from)
    if twin not in (None, price.id):
        raise Conflict("price.taken", valid_from=rfc3339(price.valid_from))


def _calm(tx: Tx, price: Price) -> None:
    """Nobody said what it costs: that is over for every model this price is for."""
    if price.valid_from > tx.now:
        return
    if price.model == ANY_MODEL:
        alerts.resolve_under(tx, unpriced(price.provider, ""))
    else:
        alerts.resolve(tx, unpriced(price.provider, price.model))


def _fields(draft: PriceDraft, valid_from: datetime) -> dict[str, Any]:
    return asdict(draft) | {"valid_from": valid_from}


def _told(price: Price) -> dict[str, Any]:
    numbers = ("point_micro", "input_micro", "output_micro", "embedding_micro", "act_micro")
    told: dict[str, Any] = {"provider": price.provider, "model": price.model, "valid_from": rfc3339(price.valid_from)}
    return told | {name: getattr(price, name) for name in numbers}
