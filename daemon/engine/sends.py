"""What people and programs do with sends: add, look at, cancel, repeat, and settle those that nobody knows of."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum

import structlog
from attrs import define, evolve, frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.message import AccountId, Wxid
from daemon.domain.outgoing import Parcel, Text
from daemon.domain.send import NewSend, Send, SendOrigin, SendState
from daemon.engine import campaign_jobs
from daemon.engine.accounts import check_sending
from daemon.engine.drafts import Draft, parcel
from daemon.engine.outbox import enqueue
from daemon.engine.pressure import Pressure
from daemon.engine.split import split
from daemon.errors import Conflict, NotFound
from daemon.store import audit, conversations, do_not_contact, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

REPEATABLE = frozenset({SendState.FAILED, SendState.UNKNOWN, SendState.EXPIRED, SendState.CANCELLED})


class Verdict(StrEnum):
    """What a person found out about a send that nobody knew of."""

    SENT = "sent"
    NOT_SENT = "not_sent"


@frozen(kw_only=True)
class Queued:
    """What was accepted for sending: its parts, in order, and how many sends of the account go before."""

    sends: tuple[Send, ...]
    ahead: int


@define
class Sends:
    db: Database
    most_bytes: int  # of one WeChat message
    lives: timedelta  # an API send that waits longer than this expires
    pressure: Pressure

    async def add(self, account: Account, *, to: Wxid, draft: Draft, by: Actor, language: str = "en") -> Queued:
        """Queue it. It is durable when this returns; a long text goes in several parts.

        Raises Invalid (in `language`) where it names a message that is not there.
        """
        self.pressure.admit_work()
        check_sending(account)
        queued = await self.db.write(
            _add, account, to, draft, by=by, most_bytes=self.most_bytes, lives=self.lives, language=language
        )
        log.info("send.queued", send=queued.sends[0].id, account=account.id, parts=len(queued.sends), by=by.id)
        return queued

    async def get(self, send_id: str) -> Send:
        return await self.db.read(_known, send_id)

    async def page(
        self, *, scope: Collection[str] | None, state: SendState | None, before: str | None, limit: int
    ) -> tuple[list[Send], int]:
        """Newest first. `scope`: only those of these accounts; None: all."""
        return await self.db.read(_page, scope=scope, state=state, before=before, limit=limit)

    async def cancel(self, send_id: str, *, by: Actor) -> Send:
        """Before it has begun. One that is `sending` cannot be called back."""
        cancelled = await self.db.write(_cancel, send_id, by=by)
        log.info("send.cancelled", send=send_id, by=by.id)
        return cancelled

    async def repeat(self, send_id: str, *, by: Actor) -> Send:
        """Send it once more, as a new send that names this one: only a person decides that."""
        again = await self.db.write(_repeat, send_id, by=by, lives=self.lives)
        log.info("send.repeated", send=send_id, by=by.id, again=again.id)
        return again

    async def settle(self, send_id: str, verdict: Verdict, *, by: Actor) -> Send:
        """Somebody looked at the phone: it arrived, or it did not."""
        settled = await self.db.write(_settle, send_id, verdict, by=by)
        log.info("send.settled", send=send_id, verdict=verdict, by=by.id)
        return settled


def in_parts(parcel: Parcel, most_bytes: int) -> list[Parcel]:
    """A text in pieces that WeChat takes, the first with its mentions; anything else goes whole. Pure."""
    if not isinstance(parcel, Text):
        return [parcel]
    pieces = split(parcel.text, most_bytes)
    return [Text(text=piece, mentions=() if at else parcel.mentions) for at, piece in enumerate(pieces)]


def enqueue_all(tx: Tx, new: NewSend, most_bytes: int) -> list[str]:
    """One unit: each part of it is queued. Their ids, in order."""
    parcels = in_parts(new.parcel, most_bytes)
    return [
        enqueue(tx, evolve(new, parcel=parcel, part=part, parts=len(parcels)))
        for part, parcel in enumerate(parcels, start=1)
    ]


def _known(tx: Tx, send_id: str) -> Send:
    send = sends.get(tx, send_id)
    if send is None:
        raise NotFound("send.not_found", id=send_id)
    return send


def _page(
    tx: Tx, *, scope: Collection[str] | None, state: SendState | None, before: str | None, limit: int
) -> tuple[list[Send], int]:
    found = sends.page(tx, scope=scope, state=state, before=before, limit=limit)
    return found, sends.count(tx, scope=scope, state=state)


def _add(
    tx: Tx,
    account: Account,
    to: Wxid,
    draft: Draft,
    *,
    by: Actor,
    most_bytes: int,
    lives: timedelta,
    language: str,
) -> Queued:
    _refuse_left_alone(tx, account.id, to)
    new = NewSend(
        account_id=account.id,
        conversation_id=conversations.touch(tx, account.id, to).id,
        to=to,
        parcel=parcel(tx, account.id, to, draft, language),
        origin=SendOrigin.API,
        batch=tx.new_id(),
        expires_at=tx.now + lives,
        request_id=by.request_id,
        by=by.id,
    )
    queued = [_known(tx, send_id) for send_id in enqueue_all(tx, new, most_bytes)]
    detail = {"account": account.id, "kind": new.parcel.kind, "parts": len(queued)}
    audit.record(tx, by, "send.queued", f"send:{queued[0].id}", detail=detail)
    return Queued(sends=tuple(queued), ahead=sends.ahead(tx, queued[0]))


def _refuse_left_alone(tx: Tx, account_id: AccountId, to: Wxid) -> None:
    if do_not_contact.holds(tx, account_id, to):
        raise Conflict("send.do_not_contact", peer=to)


def _cancel(tx: Tx, send_id: str, *, by: Actor) -> Send:
    send = _known(tx, send_id)
    if send.state not in {SendState.QUEUED, SendState.WAITING}:
        raise Conflict("send.not_waiting", state=send.state)
    sends.end(tx, send_id, SendState.CANCELLED, error="send.cancelled", detail=by.id)
    audit.record(tx, by, "send.cancelled", f"send:{send_id}", detail={"account": send.account_id})
    return _known(tx, send_id)


def _repeat(tx: Tx, send_id: str, *, by: Actor, lives: timedelta) -> Send:
    send = _known(tx, send_id)
    if send.state not in REPEATABLE:
        raise Conflict("send.not_repeatable", state=send.state)
    if send.turn_id is None:  # what answers somebody may still be said
        _refuse_left_alone(tx, send.account_id, send.to)
    if send.state is SendState.UNKNOWN:
        sends.end(tx, send_id, SendState.FAILED, error="send.repeated", detail=by.id)
    new = NewSend(
        account_id=send.account_id,
        conversation_id=send.conversation_id,
        to=send.to,
        parcel=send.parcel,
        origin=SendOrigin.RESEND,
        turn_id=send.turn_id,
        batch=send.batch,  # it takes the place of the part that it repeats
        part=send.part,
        parts=send.parts,
        expires_at=tx.now + lives,
        parent_id=send.id,
        request_id=by.request_id,
        by=by.id,
    )
    again = _known(tx, enqueue(tx, new))
    campaign_jobs.look_at(tx, send.batch)
    detail = {"account": send.account_id, "again": again.id}
    audit.record(tx, by, "send.repeated", f"send:{send_id}", detail=detail)
    return again


def _settle(tx: Tx, send_id: str, verdict: Verdict, *, by: Actor) -> Send:
    send = _known(tx, send_id)
    if send.state is not SendState.UNKNOWN:
        raise Conflict("send.not_unknown", state=send.state)
    state = SendState.SENT if verdict is Verdict.SENT else SendState.FAILED
    sends.end(tx, send_id, state, error=f"send.settled_{verdict}", detail=by.id)
    campaign_jobs.look_at(tx, send.batch)
    detail = {"account": send.account_id, "outcome": verdict}
    audit.record(tx, by, "send.settled", f"send:{send_id}", detail=detail)
    return _known(tx, send_id)
