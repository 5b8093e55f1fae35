"""Taking a sent message back: within two minutes, at most once, and never without knowing whether it was tried."""

from datetime import datetime, timedelta

import structlog
from attrs import define

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.send import Send, SendState
from daemon.engine.accounts import Accounts
from daemon.engine.gateway import Gateway, tell
from daemon.engine.ports import Messenger
from daemon.errors import Conflict, NotFound, NotSupported, OutcomeUnknown, QiaodError, RemoteError, RemoteNonsense
from daemon.limits.breaker import Breaker
from daemon.store import audit, revokes, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

WITHIN = timedelta(minutes=2)  # WeChat's own limit


def why_not(send: Send, *, now: datetime) -> QiaodError | None:
    """Why it cannot be taken back; None where it may be tried. Pure."""
    if send.state is not SendState.SENT:
        return Conflict("send.not_sent", state=send.state)
    if send.revoke is not None:
        return Conflict("send.revoke_begun")
    ids = send.accepted
    if not (ids.wechat_id and ids.message_number and ids.wechat_time):
        return Conflict("send.revoke_ids")
    if send.started_at is None or now - send.started_at > WITHIN:
        return Conflict("send.revoke_late")
    return None


@define
class Revokes:
    db: Database
    accounts: Accounts
    gateway: Gateway
    messenger: Messenger

    async def revoke(self, send_id: str, *, by: Actor) -> Send:
        """The send, revoked. Raises Conflict where it cannot be tried, and what the gateway says where it refuses.

        OutcomeUnknown: nobody knows, and it is not tried again; the send stays `sent` and says so in `error`.
        """
        account = self.accounts.get((await self.db.read(_known, send_id)).account_id)
        async with self.gateway.acting(account.id, only_reads=False):
            breaker = self.gateway.pass_breaker(account)
            try:
                send = await self.db.write(_begin, send_id, by=by)
                await self._revoke(account, send, breaker)
            except BaseException:
                breaker.abandoned()
                raise
        revoked = await self.db.write(_done, send_id, by=by)
        log.info("send.revoked", send=send_id, by=by.id)
        return revoked

    async def _revoke(self, account: Account, send: Send, breaker: Breaker) -> None:
        try:
            await self.messenger.revoke(account, send.to, send.accepted)
        except (OutcomeUnknown, RemoteNonsense) as error:
            tell(breaker, error, only_reads=False)
            await self.db.write(revokes.lose, send.id)
            log.warning("send.revoke_unknown", send=send.id)
            raise
        except (RemoteError, NotSupported) as error:
            tell(breaker, error, only_reads=False)
            await self.db.write(revokes.refused, send.id)
            raise
        tell(breaker, None, only_reads=False)


def _known(tx: Tx, send_id: str) -> Send:
    send = sends.get(tx, send_id)
    if send is None:
        raise NotFound("send.not_found", id=send_id)
    return send


def _begin(tx: Tx, send_id: str, *, by: Actor) -> Send:
    send = _known(tx, send_id)
    if error := why_not(send, now=tx.now):
        raise error
    revokes.begin(tx, send_id)
    audit.record(tx, by, "send.revoking", f"send:{send_id}", detail={"account": send.account_id})
    return send


def _done(tx: Tx, send_id: str, *, by: Actor) -> Send:
    revokes.done(tx, send_id)
    send = _known(tx, send_id)
    audit.record(tx, by, "send.revoked", f"send:{send_id}", detail={"account": send.account_id})
    return send
