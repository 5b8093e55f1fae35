"""Rooms: which we know, who is in them, and changing them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from attrs import define, evolve, frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import ActKind, ActState
from daemon.domain.message import AccountId, Wxid
from daemon.domain.people import Room, RoomNotice
from daemon.engine.acts import Acts
from daemon.engine.ports import Rooms as RoomsPort
from daemon.errors import QiaodError, RateLimited, RemoteError, Unavailable
from daemon.store import contacts
from daemon.store.contacts import ContactKind, KnownRoom
from daemon.store.database import Database
from daemon.store.tx import Tx

LIVES = timedelta(minutes=10)


@frozen(kw_only=True)
class Shown:
    """A room as far as it is known. `problem` is why it could not be read anew."""

    room: Room
    read_at: datetime | None
    problem: QiaodError | None = None


@define
class Rooms:
    db: Database
    acts: Acts
    port: RoomsPort

    async def page(self, account: Account, *, after: str | None, limit: int) -> tuple[list[tuple[Wxid, str]], int]:
        """By id, with its name where that is known, and how many there are."""
        return await self.db.read(contacts.rooms, account.id, after=after, limit=limit)

    async def show(self, account: Account, room: Wxid, *, refresh: bool, by: Actor) -> Shown:
        """GeWe is known to refuse reads of rooms while the account is well: then what was known is shown."""
        known, name = await self.db.read(_known, account.id, room)
        if known is not None and not refresh and self.db.clock.now() - known.read_at <= LIVES:
            return Shown(room=known.room, read_at=known.read_at)
        try:
            read = await self._read(account, room, by=by)
        except (RemoteError, RateLimited, Unavailable) as error:
            if known is None and name is None:
                raise
            held = known.room if known else _unread(room, name or "")
            return Shown(room=held, read_at=known.read_at if known else None, problem=error)
        return Shown(room=read, read_at=self.db.clock.now())

    async def _read(self, account: Account, room: Wxid, *, by: Actor) -> Room:
        """Its name from one call, who is admin from another, which follows it: one act."""

        async def both() -> Room:
            info = await self.port.info(account, room)
            listed = await self.port.members(account, room)
            return evolve(info, owner=info.owner or listed.owner, members=listed.members or info.members)

        def keep(tx: Tx, _: ActState, read: Room | None) -> None:
            if read is not None:
                contacts.keep_room(tx, account.id, read)

        return await self.acts.do(account, ActKind.ROOM_READ, room, by=by, call=both, ended=keep)

    async def create(self, account: Account, wxids: Sequence[Wxid], *, by: Actor) -> Wxid:
        """Of two people or more beside ourselves."""

        def keep(tx: Tx, _: ActState, room: Wxid | None) -> None:
            if room is not None:
                contacts.add(tx, account.id, room, ContactKind.ROOM)

        call = partial(self.port.create, account, wxids)
        return await self.acts.do(account, ActKind.ROOM_CREATE, f"{len(wxids)}", by=by, call=call, ended=keep)

    async def invite(self, account: Account, room: Wxid, wxids: Sequence[Wxid], reason: str, *, by: Actor) -> None:
        call = partial(self.port.invite, account, room, wxids, reason)
        await self._change(account, room, ActKind.ROOM_INVITE, call, by=by)

    async def remove(self, account: Account, room: Wxid, wxids: Sequence[Wxid], *, by: Actor) -> None:
        await self._change(account, room, ActKind.ROOM_REMOVE, partial(self.port.remove, account, room, wxids), by=by)

    async def rename(self, account: Account, room: Wxid, name: str, *, by: Actor) -> None:
        await self._change(account, room, ActKind.ROOM_RENAME, partial(self.port.rename, account, room, name), by=by)

    async def notice(self, account: Account, room: Wxid, *, by: Actor) -> RoomNotice:
        call = partial(self.port.notice, account, room)
        return await self.acts.do(account, ActKind.ROOM_READ, room, by=by, call=call)

    async def announce(self, account: Account, room: Wxid, text: str, *, by: Actor) -> None:
        """For owners and admins only; everybody in the room is notified."""
        call = partial(self.port.announce, account, room, text)
        await self._change(account, room, ActKind.ROOM_ANNOUNCE, call, by=by)

    async def leave(self, account: Account, room: Wxid, *, by: Actor) -> None:
        def keep(tx: Tx, state: ActState, _: None) -> None:
            if state is ActState.DONE:
                contacts.forget(tx, account.id, room)

        call = partial(self.port.leave, account, room)
        await self.acts.do(account, ActKind.ROOM_LEAVE, room, by=by, call=call, ended=keep)

    async def _change(
        self, account: Account, room: Wxid, kind: ActKind, call: Callable[[], Awaitable[None]], *, by: Actor
    ) -> None:
        def keep(tx: Tx, state: ActState, _: None) -> None:
            if state in {ActState.DONE, ActState.UNKNOWN}:
                contacts.forget_read(tx, account.id, room)

        await self.acts.do(account, kind, room, by=by, call=call, ended=keep)


def _known(tx: Tx, account_id: AccountId, room: Wxid) -> tuple[KnownRoom | None, str | None]:
    return contacts.room(tx, account_id, room), contacts.knows_room(tx, account_id, room)


def _unread(room: Wxid, name: str) -> Room:
    return Room(wxid=room, name=name, remark="", owner=None, avatar_url="", members=())
