"""A callback arrives: what it says is kept, and the work it sets off queued, before it is acknowledged."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Protocol, assert_never

import structlog
from attrs import define, evolve, field, frozen

from daemon.codec import decode, encode
from daemon.domain.access import SYSTEM
from daemon.domain.account import Account, AccountSignal
from daemon.domain.callback import Callback, ControlPacket, Unrecognised
from daemon.domain.contact import ContactChange
from daemon.domain.content import FriendRequest, Noise, Revoke
from daemon.domain.conversation import Kept
from daemon.domain.message import Message, Origin
from daemon.engine import contacts, friends, media_units
from daemon.engine.account_states import SAID, Event
from daemon.engine.accounts import Accounts
from daemon.engine.conversations import fetches, person_came, why_kept
from daemon.engine.do_not_contact import listen
from daemon.engine.media_units import UNFETCHED
from daemon.engine.probes import Probes
from daemon.engine.turn_steps import schedule
from daemon.errors import Invalid, StoreUnavailable
from daemon.limits.keyed import KeyedBuckets
from daemon.store import audit, callbacks, conversations, messages
from daemon.store.database import Database
from daemon.store.spool import Spool
from daemon.store.tx import Tx

log = structlog.get_logger()

COMMIT_WITHIN = timedelta(seconds=2)  # GeWe hangs up after 3
COME_AGAIN = timedelta(seconds=5)
# Codes of a store that is stuck while the disk works. A full disk cannot take the spool either; a store whose file was
# replaced underneath must not go on acknowledging.
SPOOLED = frozenset({"store.busy", "store.sync", "store.read", "store.locked_out", "store.unavailable"})


class Reader(Protocol):
    """The gateway's language, see `daemon.net.gewe.wire`."""

    def __call__(self, body: bytes) -> Callback:
        """What the body says. Raises Invalid, and nothing else, for whatever makes no sense."""


@frozen(kw_only=True)
class Spooled:
    """A callback that was acknowledged while the store could not take it."""

    group: str | None  # None: it came without a key, from an address that is trusted
    body: str
    request_id: str | None


@frozen(kw_only=True)
class Receipt:
    new: bool
    kept: Kept | None = None  # why it is not answered


@define
class Intake:
    db: Database
    accounts: Accounts
    read: Reader
    spool: Spool
    triggers: KeyedBuckets  # how many messages an account may have answered; above it they are only kept
    samples: KeyedBuckets  # how many unreadable bodies are kept as samples
    stop_words: frozenset[str] = frozenset()  # casefolded: who writes one of them is left alone
    probes: Probes = field(factory=Probes)  # who waits for the gateway to try the address out

    async def receive(self, body: bytes, group: str | None, *, request_id: str | None) -> bool:
        """When this returns True, neither a crash nor a power cut loses what the callback says.

        False: its account is none of this group; without a group any account of ours will do. Raises Invalid for what
        cannot be read, and StoreUnavailable where nothing was kept: the sender should come again.
        """
        try:
            callback = self.read(body)
        except Invalid as error:
            await self._sample(error.code, body)
            raise
        if isinstance(callback, ControlPacket):
            log.info("callback.probed")
            self.probes.saw(group)
            return True
        if callback.app_id is None:
            await self._sample("gewe.callback.without_account", body)
            return True
        account = self.accounts.called_back(group, callback.app_id)
        if account is None:
            log.warning("callback.unknown_account", app_id=callback.app_id)
            await self._sample("gewe.callback.unknown_account", body)
            return False
        try:
            async with asyncio.timeout(COMMIT_WITHIN.total_seconds()):
                await self._keep(account, callback, request_id=request_id)
        except TimeoutError:
            raise StoreUnavailable("store.slow", retry_after=COME_AGAIN) from None
        except StoreUnavailable as refused:
            if refused.code not in SPOOLED:
                raise
            await self.spool.append(
                encode(Spooled(group=group, body=body.decode("utf-8", "replace"), request_id=request_id))
            )
            log.warning("callback.spooled", account=account.id, code=refused.code)
        return True

    async def replay(self) -> int:
        """Take in what was spooled, each once; how many there were. Nothing is removed before all of it is kept."""
        count = await self.spool.drain(self._again)
        if count:
            log.info("spool.replayed", callbacks=count)
            await self.db.settle(audit.record, SYSTEM, "spool.replayed", "spool", detail={"callbacks": count})
        return count

    async def _again(self, record: bytes) -> None:
        spooled = decode(record, Spooled)
        callback = self.read(spooled.body.encode())
        account = self._whose(callback, spooled.group)
        if account is not None:
            await self._keep(account, callback, request_id=spooled.request_id)

    def _whose(self, callback: Callback, group: str | None) -> Account | None:
        if isinstance(callback, ControlPacket) or callback.app_id is None:
            return None
        return self.accounts.called_back(group, callback.app_id)

    async def _keep(self, account: Account, callback: Callback, *, request_id: str | None) -> None:
        match callback:
            case Message(content=Noise()):
                await self.db.write(messages.first_delivery, callback.dedupe_key)  # the phone's own affairs
            case Message():
                await self._message(account, callback, request_id=request_id)
            case AccountSignal():
                if await self.db.write(_signal, account, callback):
                    await self.accounts.observe(account, SAID[callback.signal], callback.detail)
            case ContactChange():
                await self.db.write(_contact, account, callback)
            case Unrecognised():
                await self.db.write(_unrecognised, account, callback)
            case ControlPacket():
                return
            case _:
                assert_never(callback)

    async def _message(self, account: Account, message: Message, *, request_id: str | None) -> None:
        if message.sender == account.wxid and message.origin is Origin.PEER:
            message = evolve(message, origin=Origin.SELF)  # a callback that does not say whose it is
        flooded = message.origin is Origin.PEER and bool(self.triggers.wait_for(account.id))
        receipt = await self.db.write(
            keep, account, message, flooded=flooded, request_id=request_id, stop_words=self.stop_words
        )
        log.debug("message.accepted", account=account.id, new=receipt.new, kept=receipt.kept, kind=message.content.kind)
        if receipt.new and receipt.kept is None:
            self.triggers.take(account.id)  # a repetition, and what is not answered, triggers nothing
        if receipt.new and receipt.kept is not Kept.HISTORICAL:
            await self._heard(account, message)

    async def _heard(self, account: Account, message: Message) -> None:
        """What passes through an account is the best witness of its state, and says who it is."""
        if message.account_wxid is not None:
            await self.accounts.identify(account, message.account_wxid)
        await self.accounts.observe(account, Event.HEARD)

    async def _sample(self, reason: str, body: bytes) -> None:
        """Without our secrets: GeWe may put its token into what it sends. Byte for byte, for it may be no text."""
        if not self.samples.take(reason):
            clean = self.accounts.vault.redactor.clean(body.decode("latin-1")).encode("latin-1")
            with suppress(StoreUnavailable):
                await self.db.write(callbacks.quarantine, reason=reason, body=clean)


def keep(
    tx: Tx,
    account: Account,
    message: Message,
    *,
    flooded: bool,
    request_id: str | None,
    stop_words: frozenset[str] = frozenset(),
) -> Receipt:
    """One transaction: a message we already have sets off nothing."""
    if not messages.first_delivery(tx, message.dedupe_key):
        return Receipt(new=False)
    conversation = conversations.touch(tx, account.id, message.peer)
    kept = why_kept(account, conversation, message, now=tx.now)
    if kept is None and flooded:
        kept = Kept.FLOODED
    if message.origin is Origin.SELF and kept is not Kept.HISTORICAL:
        conversations.hold(tx, conversation.id, until=tx.now + account.policy.takeover, by="phone")
        person_came(tx, conversation.id)
    if isinstance(message.content, Revoke):
        messages.take_back(tx, conversation.id, message.content.revoked_id)
    message_id = messages.add(
        tx, message, account_id=account.id, conversation_id=conversation.id, kept=kept, request_id=request_id
    )
    if kept not in UNFETCHED and fetches(account.policy.media, message):
        media_units.enqueue(
            tx,
            message_id,
            message.content,
            account_id=account.id,
            conversation_id=conversation.id,
            request_id=request_id,
        )
    listen(tx, account, message, stop_words)
    if isinstance(message.content, FriendRequest):
        fresh = tx.now - message.sent_at <= account.policy.stale_after
        friends.asked(tx, account, message.content, fresh=fresh, request_id=request_id)
    if kept is None:
        schedule(tx, account, conversation.id, request_id=request_id)
    return Receipt(new=True, kept=kept)


def _signal(tx: Tx, account: Account, signal: AccountSignal) -> bool:
    """Whether it is news."""
    if not messages.first_delivery(tx, signal.dedupe_key):
        return False
    callbacks.add_event(tx, account.id, kind=f"account.{signal.signal}", detail=signal.detail)
    return True


def _contact(tx: Tx, account: Account, change: ContactChange) -> None:
    if not messages.first_delivery(tx, change.dedupe_key):
        return
    if change.name:
        conversations.rename(tx, account.id, change.contact, change.remark or change.name)
    contacts.learn(tx, account.id, change)
    if change.befriended and change.user_ticket is not None:
        friends.there(tx, account.id, change.user_ticket)
    callbacks.add_event(tx, account.id, kind=f"contact.{change.change}", detail=change.contact)


def _unrecognised(tx: Tx, account: Account, callback: Unrecognised) -> None:
    if messages.first_delivery(tx, callback.dedupe_key):
        callbacks.add_event(tx, account.id, kind=f"unrecognised.{callback.what}", detail=callback.raw.decode())
