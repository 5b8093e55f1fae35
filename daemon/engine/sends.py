"""What people and programs do with sends: add, look at, cancel, repeat, and settle those that nobody knows of."""

from datetime import timedelta
from enum import StrEnum

import structlog
from attrs import define, evolve, frozen

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.send import NewSend, Send, SendOrigin, SendState
from daemon.engine.outbox import enqueue
from daemon.engine.pressure import Pressure
from daemon.engine.split import split
from daemon.errors import Conflict, NotFound
from daemon.store import conversations, sends
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
    """A text that was accepted for sending: its parts, in order, and how many sends of the account go before."""

    sends: tuple[Send, ...]
    ahead: int


@define
class Sends:
    db: Database
    most_bytes: int  # of one WeChat message
    lives: timedelta  # an API send that waits longer than this expires
    pressure: Pressure

    async def add(
        self, account: Account, *, to: Wxid, text: str, mentions: tuple[Wxid, ...], by: str, request_id: str | None
    ) -> Queued:
        """Queue a text. It is durable when this returns; a long one goes in several parts."""
        self.pressure.admit_work()
        if not account.may_send:
            raise Conflict("account.not_sending", state=account.state)
        pieces = split(text, self.most_bytes)
        queued = await self.db.write(
            _add, account, to, pieces, mentions, by=by, lives=self.lives, request_id=request_id
        )
        log.info("send.queued", send=queued.sends[0].id, account=account.id, parts=len(pieces), by=by)
        return queued

    async def get(self, send_id: str) -> Send:
        return await self.db.read(_known, send_id)

    async def page(
        self, *, account_id: str | None, state: SendState | None, before: str | None, limit: int
    ) -> tuple[list[Send], int]:
        return await self.db.read(_page, account_id=account_id, state=state, before=before, limit=limit)

    async def cancel(self, send_id: str, *, by: str) -> Send:
        """Before it has begun. One that is `sending` cannot be called back."""
        cancelled = await self.db.write(_cancel, send_id, by=by)
        log.info("send.cancelled", send=send_id, by=by)
        return cancelled

    async def repeat(self, send_id: str, *, by: str, request_id: str | None) -> Send:
        """Send it once more, as a new send that names this one: only a person decides that."""
        again = await self.db.write(_repeat, send_id, by=by, lives=self.lives, request_id=request_id)
        log.info("send.repeated", send=send_id, by=by, again=again.id)
        return again

    async def settle(self, send_id: str, verdict: Verdict, *, by: str) -> Send:
        """Somebody looked at the phone: it arrived, or it did not."""
        settled = await self.db.write(_settle, send_id, verdict, by=by)
        log.info("send.settled", send=send_id, verdict=verdict, by=by)
        return settled


def _known(tx: Tx, send_id: str) -> Send:
    send = sends.get(tx, send_id)
    if send is None:
        raise NotFound("send.not_found", id=send_id)
    return send


def _page(
    tx: Tx, *, account_id: str | None, state: SendState | None, before: str | None, limit: int
) -> tuple[list[Send], int]:
    found = sends.page(tx, account_id=account_id, state=state, before=before, limit=limit)
    return found, sends.count(tx, account_id=account_id, state=state)


def _add(
    tx: Tx,
    account: Account,
    to: Wxid,
    pieces: list[str],
    mentions: tuple[Wxid, ...],
    *,
    by: str,
    lives: timedelta,
    request_id: str | None,
) -> Queued:
    conversation = conversations.touch(tx, account.id, to)
    new = NewSend(
        account_id=account.id,
        conversation_id=conversation.id,
        to=to,
        text="",
        origin=SendOrigin.API,
        batch=tx.new_id(),
        parts=len(pieces),
        expires_at=tx.now + lives,
        request_id=request_id,
        by=by,
    )
    parts = [
        evolve(new, text=piece, part=part, mentions=mentions if part == 1 else ())
        for part, piece in enumerate(pieces, start=1)
    ]
    queued = [_known(tx, enqueue(tx, part)) for part in parts]
    return Queued(sends=tuple(queued), ahead=sends.ahead(tx, queued[0]))


def _cancel(tx: Tx, send_id: str, *, by: str) -> Send:
    send = _known(tx, send_id)
    if send.state not in {SendState.QUEUED, SendState.WAITING}:
        raise Conflict("send.not_waiting", state=send.state)
    sends.end(tx, send_id, SendState.CANCELLED, error="send.cancelled", detail=by)
    return _known(tx, send_id)


def _repeat(tx: Tx, send_id: str, *, by: str, lives: timedelta, request_id: str | None) -> Send:
    send = _known(tx, send_id)
    if send.state not in REPEATABLE:
        raise Conflict("send.not_repeatable", state=send.state)
    if send.state is SendState.UNKNOWN:
        sends.end(tx, send_id, SendState.FAILED, error="send.repeated", detail=by)
    new = NewSend(
        account_id=send.account_id,
        conversation_id=send.conversation_id,
        to=send.to,
        text=send.text,
        mentions=send.mentions,
        origin=SendOrigin.RESEND,
        turn_id=send.turn_id,
        batch=tx.new_id(),
        expires_at=tx.now + lives,
        parent_id=send.id,
        request_id=request_id,
        by=by,
    )
    return _known(tx, enqueue(tx, new))


def _settle(tx: Tx, send_id: str, verdict: Verdict, *, by: str) -> Send:
    send = _known(tx, send_id)
    if send.state is not SendState.UNKNOWN:
        raise Conflict("send.not_unknown", state=send.state)
    state = SendState.SENT if verdict is Verdict.SENT else SendState.FAILED
    sends.end(tx, send_id, state, error=f"send.settled_{verdict}", detail=by)
    return _known(tx, send_id)
