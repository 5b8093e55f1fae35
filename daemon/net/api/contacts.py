"""Contacts: the address book of an account as it was last read, finding and adding people, and ending friendships."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.message import Wxid
from daemon.domain.people import Contact, FriendScene, Relation
from daemon.engine.contacts import kind_of
from daemon.net.api.fields import ForeignId, Identifier
from daemon.net.api.services import ACCOUNTS, CONTACTS
from daemon.net.server.call import Call, Paging, seal_cursor
from daemon.net.server.constraints import Length, Note, Range
from daemon.net.server.routes import Routes
from daemon.store.contacts import ContactKind, Known

routes = Routes("Contacts")

PATH = "/api/v1/integrations/gewe/contacts"

Wxids = Annotated[list[ForeignId], Length(1, 20)]
Ticket = Annotated[str, Length(1, 1000)]


@frozen(kw_only=True)
class ContactView:
    wxid: str
    kind: ContactKind
    known: Annotated[bool, Note("False until GeWe was asked who this is.")]
    name: str
    nickname: str
    remark: str
    alias: str
    sex: Annotated[int, Note("0 unknown, 1 male, 2 female.")]
    country: str
    province: str
    city: str
    signature: str
    avatar_url: str
    labels: list[str]
    read_at: datetime | None


@frozen(kw_only=True)
class ContactsView:
    data: list[ContactView]
    total: int
    next_cursor: str | None
    listed_at: Annotated[datetime | None, Note("When the address book was last read.")]
    stale: Annotated[bool, Note("That is longer ago than ten minutes, or never was.")]
    refreshing: Annotated[bool, Note("It is being read anew in the background; ask again later.")]
    error: Annotated[str | None, Note("Why the last try to read it failed.")]


@frozen(kw_only=True)
class SearchBody:
    account_id: Identifier
    text: Annotated[str, Length(1, 100), Note("A WeChat number, or a phone number.")]


@frozen(kw_only=True)
class StrangerView:
    user_ticket: Annotated[str, Note("v3_…; of somebody who is a friend already, their wxid.")]
    ticket: Annotated[str, Note("v4_…")]
    nickname: str
    sex: int
    signature: str
    avatar_url: str


@frozen(kw_only=True)
class NewFriend:
    account_id: Identifier
    user_ticket: Annotated[Ticket, Note("As the search gave it.")]
    ticket: Ticket
    scene: Annotated[int, Range(1, 1000), Note("How they were found: 3 WeChat number, 4 QQ, 8 room, 15 phone.")] = (
        FriendScene.WECHAT_NUMBER.value
    )
    greeting: Annotated[str, Length(0, 200), Note("What they read beside the request.")] = ""


@frozen(kw_only=True)
class ContactChange:
    account_id: Identifier
    remark: Annotated[str | None, Length(0, 100), Note("What this account calls them.")] = None
    muted: Annotated[bool | None, Note("The assistant never answers them while it is true.")] = None


@frozen(kw_only=True)
class RelationsBody:
    account_id: Identifier
    wxids: Wxids


@frozen(kw_only=True)
class RelationsView:
    relations: Annotated[dict[str, Relation], Note("By wxid; only those that GeWe says something of.")]


@routes.get(PATH, role=Role.OPERATOR, summary="The address book as it was last read")
async def page(
    call: Call,
    paging: Paging,
    *,
    account_id: str,
    kind: ContactKind | None = None,
    q: Annotated[str, Length(1, 100)] | None = None,
    refresh: bool = False,
) -> ContactsView:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    listed = await call.service(CONTACTS).page(
        account, kind=kind, words=q, refresh=refresh, after=paging.after, limit=paging.limit + 1
    )
    shown = listed.rows[: paging.limit]
    more = len(listed.rows) > paging.limit
    return ContactsView(
        data=[view(known) for known in shown],
        total=listed.total,
        next_cursor=seal_cursor(shown[-1].wxid) if more else None,
        listed_at=listed.book.listed_at,
        stale=listed.stale,
        refreshing=listed.refreshing,
        error=listed.book.error,
    )


@routes.get(PATH + "/{wxid}", role=Role.OPERATOR, summary="Ask GeWe who somebody is")
async def show(call: Call, wxid: str, *, account_id: str) -> ContactView:
    call.allow(account_id)
    account = call.service(ACCOUNTS).get(account_id)
    contact = await call.service(CONTACTS).detail(account, Wxid(wxid), by=call.actor)
    return _view(contact.wxid, kind_of(contact.wxid), contact, call.service(CONTACTS).db.clock.now())


@routes.post(
    PATH + "/search", role=Role.OPERATOR, summary="Find somebody by WeChat number or phone number", effect=True
)
async def search(call: Call, body: SearchBody) -> StrangerView:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    found = await call.service(CONTACTS).search(account, body.text, by=call.actor)
    return StrangerView(
        user_ticket=found.user_ticket,
        ticket=found.ticket,
        nickname=found.nickname,
        sex=found.sex,
        signature=found.signature,
        avatar_url=found.avatar_url,
    )


@routes.post(PATH, role=Role.OPERATOR, summary="Ask somebody to be a friend", effect=True)
async def add(call: Call, body: NewFriend) -> None:
    call.allow(body.account_id)
    await call.service(CONTACTS).add(
        call.service(ACCOUNTS).get(body.account_id),
        user_ticket=body.user_ticket,
        ticket=body.ticket,
        scene=body.scene,
        greeting=body.greeting,
        by=call.actor,
    )


@routes.put(PATH + "/{wxid}", role=Role.OPERATOR, summary="Give a contact a remark, or mute the assistant for it")
async def change(call: Call, wxid: str, body: ContactChange) -> None:
    call.allow(body.account_id)
    account, contacts = call.service(ACCOUNTS).get(body.account_id), call.service(CONTACTS)
    if body.muted is not None:
        await contacts.mute(account, Wxid(wxid), muted=body.muted, by=call.actor)
    if body.remark is not None:
        await contacts.remark(account, Wxid(wxid), body.remark, by=call.actor)


@routes.delete(PATH + "/{wxid}", role=Role.OPERATOR, summary="End a friendship")
async def remove(call: Call, wxid: str, *, account_id: str) -> None:
    call.allow(account_id)
    await call.service(CONTACTS).delete(call.service(ACCOUNTS).get(account_id), Wxid(wxid), by=call.actor)


@routes.post(PATH + "/relations", role=Role.OPERATOR, summary="Whether people are still friends", effect=True)
async def relations(call: Call, body: RelationsBody) -> RelationsView:
    call.allow(body.account_id)
    account = call.service(ACCOUNTS).get(body.account_id)
    wxids = [Wxid(wxid) for wxid in body.wxids]
    found = await call.service(CONTACTS).relations(account, wxids, by=call.actor)
    return RelationsView(relations={str(wxid): relation for wxid, relation in found.items()})


def view(known: Known) -> ContactView:
    return _view(known.wxid, known.kind, known.contact, known.read_at)


def _view(wxid: Wxid, kind: ContactKind, contact: Contact | None, read_at: datetime | None) -> ContactView:
    return ContactView(
        wxid=wxid,
        kind=kind,
        known=contact is not None,
        name=contact.name if contact else wxid,
        nickname=contact.nickname if contact else "",
        remark=contact.remark if contact else "",
        alias=contact.alias if contact else "",
        sex=contact.sex if contact else 0,
        country=contact.country if contact else "",
        province=contact.province if contact else "",
        city=contact.city if contact else "",
        signature=contact.signature if contact else "",
        avatar_url=contact.avatar_url if contact else "",
        labels=list(contact.labels) if contact else [],
        read_at=read_at,
    )
