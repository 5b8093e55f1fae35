"""Whom campaigns and API sends leave alone."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.do_not_contact import LeftAlone, Reason
from daemon.domain.message import AccountId, Wxid
from daemon.errors import Forbidden
from daemon.net.api.fields import ForeignId, Identifier
from daemon.net.api.services import ACCOUNTS, DO_NOT_CONTACT
from daemon.net.server.call import Call, Page, Paging, Reply
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes

routes = Routes("Do not contact")

PATH = "/api/v1/integrations/gewe/do-not-contact"


@frozen(kw_only=True)
class LeftAloneBody:
    to: Annotated[ForeignId, Note("A person, or a room.", "wxid_friend00000001")]
    account_id: Annotated[Identifier, Note("Which account leaves them alone; null: every one.")] | None = None
    note: Annotated[str, Length(0, 500)] = ""


@frozen(kw_only=True)
class LeftAloneView:
    id: str
    to: str
    account_id: str | None
    reason: Reason
    note: str
    created_at: datetime
    created_by: str


@routes.get(PATH, role=Role.OPERATOR, summary="List who is left alone")
async def page(
    call: Call, paging: Paging, *, account_id: str | None = None, to: str | None = None
) -> Page[LeftAloneView]:
    if account_id is not None:
        call.allow(account_id)
    rows, total = await call.service(DO_NOT_CONTACT).page(
        scope=call.scope if account_id is None else {account_id},
        peer=to,
        before=paging.after,
        limit=paging.limit + 1,
    )
    return Page.of(rows, total, paging, view=view, after=lambda one: one.id)


@routes.post(
    PATH, role=Role.OPERATOR, summary="Leave somebody alone; what waits for them is cancelled", status=201, effect=True
)
async def create(call: Call, body: LeftAloneBody) -> Reply[LeftAloneView]:
    _allow(call, body.account_id)
    if body.account_id is not None:
        call.service(ACCOUNTS).get(body.account_id)
    account_id = None if body.account_id is None else AccountId(body.account_id)
    added = await call.service(DO_NOT_CONTACT).add(account_id, Wxid(body.to), note=body.note, by=call.actor)
    return Reply(body=view(added), headers={"Location": f"{PATH}/{added.id}"})


@routes.get(PATH + "/{entry_id}", role=Role.OPERATOR, summary="Show who is left alone, and why")
async def show(call: Call, entry_id: str) -> LeftAloneView:
    found = await call.service(DO_NOT_CONTACT).get(entry_id)
    if found.account_id is not None:
        call.allow(found.account_id)
    return view(found)


@routes.delete(PATH + "/{entry_id}", role=Role.OPERATOR, summary="They may be written to again")
async def remove(call: Call, entry_id: str) -> None:
    _allow(call, (await call.service(DO_NOT_CONTACT).get(entry_id)).account_id)
    await call.service(DO_NOT_CONTACT).remove(entry_id, by=call.actor)


def _allow(call: Call, account_id: str | None) -> None:
    """What counts for every account is only for those who may touch every one."""
    if account_id is not None:
        call.allow(account_id)
    elif call.scope is not None:
        raise Forbidden("auth.account")


def view(one: LeftAlone) -> LeftAloneView:
    return LeftAloneView(
        id=one.id,
        to=one.peer,
        account_id=one.account_id,
        reason=one.reason,
        note=one.note,
        created_at=one.created_at,
        created_by=one.created_by,
    )
