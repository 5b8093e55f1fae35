"""Who answers in a conversation: the assistant, a person, or nobody. The decision is pure; carrying it out is not."""

from datetime import datetime, timedelta

import structlog
from attrs import define, frozen

from daemon.domain.account import Account, AccountState
from daemon.domain.conversation import Conversation, Kept, Line
from daemon.domain.message import ConversationId, Message, Origin
from daemon.domain.turn import Turn
from daemon.errors import NotFound, PreconditionFailed
from daemon.store import conversations, turns
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

READABLE = frozenset({"text", "quote"})  # kinds the assistant is given; the others are kept and shown


def why_kept(account: Account, conversation: Conversation, message: Message, *, now: datetime) -> Kept | None:
    """Why the assistant leaves this message alone; None where it is to answer."""
    if message.origin is Origin.SYSTEM:
        return Kept.SYSTEM
    if now - message.sent_at > account.policy.stale_after:
        return Kept.HISTORICAL
    if message.origin is Origin.SELF:
        return Kept.SELF
    if message.content.kind not in READABLE or not message.text.strip():
        return Kept.NOT_TEXT
    return _why_not_ours(account, message) or why_silent(account, conversation, now=now)


def why_silent(account: Account, conversation: Conversation, *, now: datetime) -> Kept | None:
    """Why the assistant says nothing here now: asked before and after the AI, and before a reply goes."""
    if account.state is AccountState.SUSPENDED:
        return Kept.SUSPENDED
    if conversation.muted:
        return Kept.MUTED
    if conversation.held(now):
        return Kept.HELD
    return Kept.NO_WORKFLOW if account.workflow_id is None else None


def _why_not_ours(account: Account, message: Message) -> Kept | None:
    policy = account.policy
    if not message.in_room:
        if message.sender in policy.block:
            return Kept.BLOCKED
        return None if policy.private and _listed(message.sender, policy.allow) else Kept.NOT_ALLOWED
    rooms = policy.rooms
    if message.peer in rooms.block or message.sender in rooms.block or message.sender in policy.block:
        return Kept.BLOCKED
    if not _listed(message.peer, rooms.allow):
        return Kept.NOT_ALLOWED
    return None if _addressed(account, message) else Kept.NOT_ADDRESSED


def _listed(name: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or name in allowed


def _addressed(account: Account, message: Message) -> bool:
    """A room's message is for us when it names us, or has one of the words we listen to."""
    rooms = account.policy.rooms
    if rooms.on_mention and account.wxid is not None and account.wxid in message.mentions:
        return True
    text = message.text.casefold()
    return any(word.casefold() in text for word in rooms.keywords if word)


@frozen(kw_only=True)
class Answering:
    """What an operator may set of a conversation; what is None stays."""

    muted: bool | None = None


@define
class Conversations:
    db: Database

    async def get(self, conversation_id: str) -> Conversation:
        return await self.db.read(_known, conversation_id, None)

    async def page(
        self, *, account_id: str | None, held: bool | None, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[list[Conversation], int]:
        return await self.db.read(_page, account_id=account_id, held=held, before=before, limit=limit)

    async def lines(self, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Line], int]:
        return await self.db.read(_lines, conversation_id, before=before, limit=limit)

    async def turns(self, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Turn], int]:
        return await self.db.read(_turns, conversation_id, before=before, limit=limit)

    async def take_over(self, conversation_id: str, *, lasting: timedelta, by: str) -> Conversation:
        """A person answers from now on; the assistant keeps quiet until the time is over or it is handed back."""
        held = await self.db.write(_take_over, conversation_id, lasting=lasting, by=by)
        log.info("conversation.taken_over", conversation=conversation_id, by=by, until=held.held_until)
        return held

    async def release(self, conversation_id: str) -> Conversation:
        released = await self.db.write(_release, conversation_id)
        log.info("conversation.released", conversation=conversation_id)
        return released

    async def change(self, conversation_id: str, change: Answering, *, version: int | None) -> Conversation:
        changed = await self.db.write(_change, conversation_id, change, version=version)
        log.info("conversation.changed", conversation=conversation_id, muted=changed.muted)
        return changed


def _known(tx: Tx, conversation_id: str, version: int | None) -> Conversation:
    conversation = conversations.get(tx, conversation_id)
    if conversation is None:
        raise NotFound("conversation.not_found", id=conversation_id)
    if version is not None and version != conversation.version:
        raise PreconditionFailed("stale_version", found=conversation.version)
    return conversation


def _page(
    tx: Tx, *, account_id: str | None, held: bool | None, before: tuple[datetime, str] | None, limit: int
) -> tuple[list[Conversation], int]:
    found = conversations.page(tx, account_id=account_id, held=held, before=before, limit=limit)
    return found, conversations.count(tx, account_id=account_id, held=held)


def _lines(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Line], int]:
    known = _known(tx, conversation_id, None)
    found = conversations.lines(tx, known.id, before=before, limit=limit)
    return found, conversations.count_lines(tx, known.id)


def _turns(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Turn], int]:
    known = _known(tx, conversation_id, None)
    return turns.page(tx, known.id, before=before, limit=limit), turns.count(tx, known.id)


def _take_over(tx: Tx, conversation_id: str, *, lasting: timedelta, by: str) -> Conversation:
    known = _known(tx, conversation_id, None)
    conversations.hold(tx, known.id, until=tx.now + lasting, by=by)
    return _known(tx, conversation_id, None)


def _release(tx: Tx, conversation_id: str) -> Conversation:
    known = _known(tx, conversation_id, None)
    conversations.release(tx, known.id)
    return _known(tx, conversation_id, None)


def _change(tx: Tx, conversation_id: str, change: Answering, *, version: int | None) -> Conversation:
    known = _known(tx, conversation_id, version)
    if change.muted is not None:
        conversations.mute(tx, ConversationId(known.id), muted=change.muted)
    return _known(tx, conversation_id, None)
