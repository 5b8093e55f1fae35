"""Who answers in a conversation: the assistant, a person, or nobody. The decision is pure; carrying it out is not."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from attrs import define, frozen

from daemon.clock import rfc3339
from daemon.domain.access import SYSTEM, Actor
from daemon.domain.account import Account, AccountState, MediaPolicy
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.conversation import Conversation, Kept, Line
from daemon.domain.media import READ
from daemon.domain.message import ConversationId, Message, Origin
from daemon.domain.turn import Turn
from daemon.domain.workflow import Workflow
from daemon.errors import NotFound, PreconditionFailed
from daemon.store import alerts, audit, conversations, turns
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

READABLE = frozenset({"text", "quote"})  # kinds that are their text; of the others see `reads`


def fetches(policy: MediaPolicy, message: Message) -> bool:
    """Whether what the message brings is fetched without being asked for."""
    return message.content.kind in policy.fetch and (policy.rooms or not message.in_room)


def reads(policy: MediaPolicy, message: Message) -> bool:
    """Whether it is something the workflow is given."""
    return policy.read and message.content.kind in READ and fetches(policy, message)


def why_kept(account: Account, conversation: Conversation, message: Message, *, now: datetime) -> Kept | None:
    """Why the assistant leaves this message alone; None where it is to answer."""
    if message.origin is Origin.SYSTEM:
        return Kept.SYSTEM
    if now - message.sent_at > account.policy.stale_after:
        return Kept.HISTORICAL
    if message.origin is Origin.SELF:
        return Kept.SELF
    if not (message.content.kind in READABLE or reads(account.policy.media, message)) or not message.text.strip():
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
        self,
        *,
        account_id: str | None,
        account_ids: Collection[str] | None,
        held: bool | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> tuple[list[Conversation], int]:
        """`account_ids`: only those of these accounts; None: of all."""
        return await self.db.read(
            _page, account_id=account_id, account_ids=account_ids, held=held, before=before, limit=limit
        )

    async def lines(self, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Line], int]:
        return await self.db.read(_lines, conversation_id, before=before, limit=limit)

    async def turns(self, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Turn], int]:
        return await self.db.read(_turns, conversation_id, before=before, limit=limit)

    async def take_over(self, conversation_id: str, *, lasting: timedelta, by: Actor) -> Conversation:
        """A person answers from now on; the assistant keeps quiet until the time is over or it is handed back."""
        held = await self.db.write(_take_over, conversation_id, lasting=lasting, by=by)
        log.info("conversation.taken_over", conversation=conversation_id, by=by.id, until=held.held_until)
        return held

    async def release(self, conversation_id: str, *, by: Actor) -> Conversation:
        released = await self.db.write(_release, conversation_id, by=by)
        log.info("conversation.released", conversation=conversation_id, by=by.id)
        return released

    async def change(self, conversation_id: str, change: Answering, *, version: int | None, by: Actor) -> Conversation:
        changed = await self.db.write(_change, conversation_id, change, version=version, by=by)
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
    tx: Tx,
    *,
    account_id: str | None,
    account_ids: Collection[str] | None,
    held: bool | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> tuple[list[Conversation], int]:
    found = conversations.page(
        tx, account_id=account_id, account_ids=account_ids, held=held, before=before, limit=limit
    )
    return found, conversations.count(tx, account_id=account_id, account_ids=account_ids, held=held)


def _lines(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Line], int]:
    known = _known(tx, conversation_id, None)
    found = conversations.lines(tx, known.id, before=before, limit=limit)
    return found, conversations.count_lines(tx, known.id)


def _turns(tx: Tx, conversation_id: str, *, before: str | None, limit: int) -> tuple[list[Turn], int]:
    known = _known(tx, conversation_id, None)
    return turns.page(tx, known.id, before=before, limit=limit), turns.count(tx, known.id)


def _take_over(tx: Tx, conversation_id: str, *, lasting: timedelta, by: Actor) -> Conversation:
    known = _known(tx, conversation_id, None)
    until = tx.now + lasting
    conversations.hold(tx, known.id, until=until, by=by.id)
    person_came(tx, known.id)
    _note(tx, by, "conversation.taken_over", known, until=rfc3339(until))
    return _known(tx, conversation_id, None)


def hand_over(tx: Tx, account: Account, conversation: Conversation, workflow: Workflow) -> None:
    """The workflow asks for a person: one is told, and the assistant keeps quiet as if somebody had taken over.

    The reply that came with it still goes out, see `parting`.
    """
    until = tx.now + account.policy.takeover
    conversations.hold(tx, conversation.id, until=until, by=SYSTEM.id)
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=_wanted(conversation.id),
            service=workflow.provider.spelled,
            type=AlertType.ANOMALY,
            severity=Severity.HIGH,
            code="conversation.person_wanted",
            facts={"who": conversation.name or conversation.peer, "workflow": workflow.name},
            account_id=account.id,
        ),
    )
    _note(tx, SYSTEM, "conversation.taken_over", conversation, until=rfc3339(until), workflow=workflow.id)


def parting(conversation: Conversation, *, now: datetime) -> bool:
    """Whether nobody holds it yet but the workflow that asked for a person: what it said then may still go."""
    return conversation.held(now) and conversation.held_by == SYSTEM.id and not conversation.muted


def person_came(tx: Tx, conversation_id: str) -> None:
    """Somebody sees to it, or need not."""
    alerts.resolve(tx, _wanted(conversation_id))


def _wanted(conversation_id: str) -> str:
    return f"conversation.person/{conversation_id}"


def _release(tx: Tx, conversation_id: str, *, by: Actor) -> Conversation:
    known = _known(tx, conversation_id, None)
    conversations.release(tx, known.id)
    person_came(tx, known.id)
    _note(tx, by, "conversation.released", known)
    return _known(tx, conversation_id, None)


def _change(tx: Tx, conversation_id: str, change: Answering, *, version: int | None, by: Actor) -> Conversation:
    known = _known(tx, conversation_id, version)
    if change.muted is not None:
        conversations.mute(tx, ConversationId(known.id), muted=change.muted)
        _note(tx, by, "conversation.muted" if change.muted else "conversation.unmuted", known)
    return _known(tx, conversation_id, None)


def _note(tx: Tx, by: Actor, action: str, conversation: Conversation, **detail: str) -> None:
    told = {"account": conversation.account_id} | detail
    audit.record(tx, by, action, f"conversation:{conversation.id}", detail=told)
