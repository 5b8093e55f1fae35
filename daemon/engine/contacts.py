"""The address book: kept from what GeWe last said, read anew in the background, and changed."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.access import SYSTEM, Actor
from daemon.domain.account import Account, Product
from daemon.domain.act import ActKind, ActState
from daemon.domain.contact import Change, ContactChange
from daemon.domain.job import Job, NewJob
from daemon.domain.message import ROOM_SUFFIX, AccountId, Wxid
from daemon.domain.people import Contact, ContactIds, Relation, Stranger
from daemon.engine.accounts import Accounts
from daemon.engine.acts import Acts, until_renewed
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.ports import Contacts as ContactsPort
from daemon.errors import NotFound, QuotaExceeded, RemoteError, RemoteUnavailable
from daemon.store import audit, contacts, conversations, jobs
from daemon.store.contacts import Book, ContactKind, Known
from daemon.store.database import Database
from daemon.store.tx import Tx

CONTACTS_LANE = "contacts"
LIVES = timedelta(minutes=10)  # of the list: as long as GeWe's own cache
DESCRIBED = timedelta(days=1)  # how long what is known of one contact is good: callbacks tell of most changes
PAGE = 20  # contacts of one call
LOOKS = 12  # at GeWe's cache, after a list that took too long
LOOK_EVERY = timedelta(seconds=10)


@frozen(kw_only=True)
class Args:
    account_id: str
    looks: int = 0  # at GeWe's cache so far; 0: the list itself is to be asked for


@frozen(kw_only=True)
class Listed:
    """One page of the cached address book, and how old it is."""

    rows: list[Known]
    total: int
    book: Book
    stale: bool
    refreshing: bool


@define
class Contacts:
    db: Database
    acts: Acts
    port: ContactsPort

    async def page(
        self,
        account: Account,
        *,
        kind: ContactKind | None,
        words: str | None,
        refresh: bool,
        after: str | None,
        limit: int,
    ) -> Listed:
        """What is known, at once; where that is old, it is being read anew in the background."""
        rows, total, book = await self.db.read(_page, account.id, kind=kind, words=words, after=after, limit=limit)
        stale = book.listed_at is None or self.db.clock.now() - book.listed_at > LIVES
        refreshing = (stale or refresh) and account.may_send
        if refreshing:
            await self.db.write(ask_for, account.id)
        return Listed(rows=rows, total=total, book=book, stale=stale, refreshing=refreshing)

    async def detail(self, account: Account, wxid: Wxid, *, by: Actor) -> Contact:
        """Asked of GeWe now, which says more here than in the list."""

        def keep(tx: Tx, _: ActState, found: list[Contact] | None) -> None:
            contacts.describe(tx, account.id, found or ())

        found = await self.acts.do(
            account,
            ActKind.CONTACTS_READ,
            wxid,
            by=by,
            call=lambda: self.port.detail(account, [wxid]),
            ended=keep,
        )
        if not found:
            raise NotFound("contact.not_found", wxid=wxid)
        return found[0]

    async def search(self, account: Account, text: str, *, by: Actor) -> Stranger:
        return await self.acts.do(
            account, ActKind.FRIEND_SEARCH, masked(text), by=by, call=lambda: self.port.search(account, text)
        )

    async def add(
        self, account: Account, *, user_ticket: str, ticket: str, scene: int, greeting: str, by: Actor
    ) -> None:
        """Ask for a friendship; whether they agree is told by a callback."""
        call = partial(self.port.add, account, user_ticket=user_ticket, ticket=ticket, scene=scene, greeting=greeting)
        await self.acts.do(account, ActKind.FRIEND_ADD, masked(user_ticket), by=by, call=call)

    async def remark(self, account: Account, wxid: Wxid, remark: str, *, by: Actor) -> None:
        def keep(tx: Tx, state: ActState, _: None) -> None:
            if state is ActState.DONE:
                contacts.add(tx, account.id, wxid, ContactKind.FRIEND)

        call = partial(self.port.remark, account, wxid, remark)
        await self.acts.do(account, ActKind.FRIEND_REMARK, wxid, by=by, call=call, ended=keep)

    async def mute(self, account: Account, wxid: Wxid, *, muted: bool, by: Actor) -> None:
        """The assistant answers this one no more, or again."""
        await self.db.write(_mute, account.id, wxid, muted=muted, by=by)

    async def delete(self, account: Account, wxid: Wxid, *, by: Actor) -> None:
        def keep(tx: Tx, state: ActState, _: None) -> None:
            if state is ActState.DONE:
                contacts.forget(tx, account.id, wxid)

        call = partial(self.port.delete, account, wxid)
        await self.acts.do(account, ActKind.FRIEND_DELETE, wxid, by=by, call=call, ended=keep)

    async def relations(self, account: Account, wxids: Sequence[Wxid], *, by: Actor) -> dict[Wxid, Relation]:
        call = partial(self.port.relations, account, wxids)
        return await self.acts.do(account, ActKind.RELATION_CHECK, f"{len(wxids)}", by=by, call=call)


@define
class Refresh:
    """The handler of the lane `contacts`: first the ids, then who they are, 20 at once."""

    db: Database
    accounts: Accounts
    acts: Acts
    port: ContactsPort

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        try:
            account = self.accounts.get(args.account_id)
        except NotFound:
            return Done()
        if not account.may_send:
            return Done()
        book = await self.db.read(contacts.book, account.id)
        asked = book.listed_at is not None and book.listed_at >= job.created_at
        try:
            return await (self._describe(account) if asked else self._list(account, args))
        except QuotaExceeded as error:
            return Snooze(until_renewed(error, self.db.clock.now()), reason=error.code)

    async def _list(self, account: Account, args: Args) -> Result:
        try:
            if args.looks == 0 or account.product is Product.SELF_HOSTED:  # which has no cache to look into
                ids = await self._ids(account, ActKind.CONTACTS_LIST, lambda: self.port.ids(account))
            else:
                ids = await self._ids(account, ActKind.CONTACTS_READ, lambda: self.port.cached_ids(account))
        except RemoteUnavailable as error:
            return await self._look_later(args, error.code)
        except RemoteError as error:
            return Done(partial(contacts.list_failed, account_id=account.id, error=error.code))
        if ids is None:
            return await self._look_later(args, "gewe.contacts_slow")
        return await self._describe(account)

    async def _ids(
        self, account: Account, kind: ActKind, call: Callable[[], Awaitable[ContactIds | None]]
    ) -> ContactIds | None:
        def keep(tx: Tx, _: ActState, ids: ContactIds | None) -> None:
            if ids is not None:
                contacts.replace_ids(tx, account.id, ids)

        return await self.acts.do(account, kind, "", by=SYSTEM, call=call, ended=keep)

    async def _look_later(self, args: Args, error: str) -> Result:
        """The list was too slow: GeWe goes on with it, and has it in its cache some time later."""
        account_id = AccountId(args.account_id)
        if args.looks >= LOOKS or error != "gewe.contacts_slow":
            return Done(partial(contacts.list_failed, account_id=account_id, error=error))
        again = NewJob(
            lane=CONTACTS_LANE,
            key=account_id,
            args=encode(Args(account_id=account_id, looks=args.looks + 1)),
            due_at=self.db.clock.now() + LOOK_EVERY,
        )
        return Done(follow_ups=(again,))

    async def _describe(self, account: Account) -> Result:
        wxids = await self.db.read(contacts.undescribed, account.id, older=DESCRIBED, limit=PAGE)
        if not wxids:
            return Done()

        def keep(tx: Tx, _: ActState, found: list[Contact] | None) -> None:
            if found is not None:
                contacts.looked_for(tx, account.id, wxids)
                contacts.describe(tx, account.id, found)

        call = partial(self.port.brief, account, wxids)
        await self.acts.do(account, ActKind.CONTACTS_READ, f"{len(wxids)}", by=SYSTEM, call=call, ended=keep)
        return Snooze(await self.acts.wait(account, ActKind.CONTACTS_READ), reason="contacts.more")


def ask_for(tx: Tx, account_id: AccountId) -> None:
    """Have the address book read anew; once, however often it is asked for."""
    jobs.add(
        tx,
        NewJob(
            lane=CONTACTS_LANE,
            key=account_id,
            args=encode(Args(account_id=account_id)),
            unique_key=account_id,
        ),
    )


def learn(tx: Tx, account_id: AccountId, change: ContactChange) -> None:
    """A callback told of a contact: added, changed, or gone."""
    if change.change is Change.REMOVED:
        contacts.forget(tx, account_id, change.contact)
    else:
        contacts.add(tx, account_id, change.contact, kind_of(change.contact))
        contacts.forget_read(tx, account_id, change.contact)


def masked(text: str) -> str:
    """Enough to recognise it by: phone numbers and tickets are nobody else's business."""
    return text if len(text) < 4 else f"{text[:2]}…{text[-2:]}"


def kind_of(wxid: Wxid) -> ContactKind:
    """As far as an id tells."""
    if wxid.endswith(ROOM_SUFFIX):
        return ContactKind.ROOM
    return ContactKind.OFFICIAL if wxid.startswith("gh_") else ContactKind.FRIEND


def _page(
    tx: Tx, account_id: AccountId, *, kind: ContactKind | None, words: str | None, after: str | None, limit: int
) -> tuple[list[Known], int, Book]:
    rows, total = contacts.page(tx, account_id, kind=kind, words=words, after=after, limit=limit)
    return rows, total, contacts.book(tx, account_id)


def _mute(tx: Tx, account_id: AccountId, wxid: Wxid, *, muted: bool, by: Actor) -> None:
    conversation = conversations.touch(tx, account_id, wxid)
    conversations.mute(tx, conversation.id, muted=muted)
    action = "conversation.muted" if muted else "conversation.unmuted"
    audit.record(tx, by, action, f"conversation:{conversation.id}", detail={"account": account_id})
