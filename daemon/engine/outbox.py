"""Messages on their way out: one at a time for an account, at its pace, and each at most once."""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog
from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.account import Account, AccountState
from daemon.domain.conversation import Conversation, Kept
from daemon.domain.job import Job, NewJob
from daemon.domain.message import AccountId
from daemon.domain.outgoing import Text
from daemon.domain.send import FINAL, NewSend, Outgoing, Send, SendOrigin, SendState
from daemon.engine.accounts import SEND_LANE, Accounts
from daemon.engine.conversations import why_silent
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.ports import Messenger
from daemon.errors import (
    AccountOffline,
    NotFound,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    StoreUnavailable,
)
from daemon.limits.breaker import Breaker, Breakers, Why
from daemon.limits.pace import OVERALL, Pace
from daemon.limits.retry import Retry
from daemon.store import conversations, jobs, levels, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

LEVELS = "pace/"  # of the stored levels' names
OFFLINE_PAUSE = timedelta(seconds=60)  # until the next send of an offline account is tried: it is the probe
LIMITED_PAUSE = timedelta(seconds=60)  # where the gateway says "too often" and not how long
SUSPENDED_PAUSE = timedelta(minutes=5)  # an operator's change wakes the line at once


@frozen(kw_only=True)
class Args:
    send_id: str


def why_over(
    send: Send, account: Account | None, conversation: Conversation | None, *, now: datetime
) -> tuple[SendState, str] | None:
    """The state it ends in without being sent, and why; None where it is to be sent."""
    if send.state in {SendState.SENDING, SendState.UNKNOWN}:
        return SendState.UNKNOWN, send.error or "send.interrupted"  # an earlier attempt of ours was cut short
    if account is None:
        return SendState.CANCELLED, "account.not_found"
    if now >= send.expires_at:
        return SendState.EXPIRED, send.error or "send.too_late"
    if send.origin is SendOrigin.REPLY and conversation is not None and _overtaken(account, conversation, now):
        return SendState.CANCELLED, "send.overtaken"
    return None


def _overtaken(account: Account, conversation: Conversation, now: datetime) -> bool:
    """A person answers here by now, or the assistant was told to be quiet."""
    return why_silent(account, conversation, now=now) in {Kept.HELD, Kept.MUTED}


def enqueue(tx: Tx, new: NewSend) -> str:
    """One unit: the send and the job that carries it out."""
    send_id = sends.add(tx, new)
    jobs.add(
        tx,
        NewJob(
            lane=SEND_LANE,
            key=new.account_id,
            args=encode(Args(send_id=send_id)),
            unique_key=send_id,
            request_id=new.request_id,
        ),
    )
    return send_id


@define
class Outbox:
    """The handler of the lane `send`. Its jobs' key is the account: a crash leaves one `unknown` of each at most."""

    db: Database
    accounts: Accounts
    messenger: Messenger
    pace: Pace
    breakers: Breakers
    retry: Retry
    random: Random

    async def __call__(self, job: Job) -> Result:
        send_id = decode(job.args, Args).send_id
        send, conversation = await self.db.read(_look, send_id)
        if send is None or send.state in FINAL:
            return Done()
        account = self._account(send.account_id)
        if over := why_over(send, account, conversation, now=self.db.clock.now()):
            return Done(partial(_end, send=send, state=over[0], error=over[1], detail=""))
        assert account is not None
        if wait := self._not_before(account):
            return self._wait(send, *wait)
        breaker = self._breaker(account)
        if closed := breaker.before():
            return self._wait(send, closed, "gewe.breaker_open")
        try:
            return await self._begin(account, send)
        except BaseException:
            breaker.abandoned()
            raise

    def _account(self, account_id: AccountId) -> Account | None:
        try:
            return self.accounts.get(account_id)
        except NotFound:
            return None

    def _not_before(self, account: Account) -> tuple[timedelta, str] | None:
        """How long it has to wait, and why; nothing where it may go now, and then its tokens are taken."""
        if not account.may_send:
            return SUSPENDED_PAUSE, "account.suspended"
        wait = self.pace.take(account.id)
        return (wait, "send.pace") if wait else None

    async def _begin(self, account: Account, send: Send) -> Result:
        level, overall = self.pace.level(account.id), self.pace.overall.level()
        if not await self.db.write(_start, send, account, level=level, overall=overall):
            self._breaker(account).abandoned()
            return Done(partial(_end, send=send, state=SendState.CANCELLED, error="send.overtaken", detail=""))
        return await self._send(account, send)

    async def _send(self, account: Account, send: Send) -> Result:
        breaker = self._breaker(account)
        try:
            parcel = Text(text=send.text, mentions=send.mentions)
            accepted = await self.messenger.send(account, Outgoing(to=send.to, parcel=parcel))
        except RemoteError as error:
            return await self._failed(account, send, error)
        breaker.succeeded()
        await self._seen(account, AccountState.ONLINE)
        log.info("send.accepted", send=send.id, account=account.id, wechat_id=accepted.wechat_id)
        return Done(partial(sends.accept, send_id=send.id, accepted=accepted))

    async def _failed(self, account: Account, send: Send, error: RemoteError) -> Result:
        """Each class of failure has its own end; only where surely nothing was sent is it tried again."""
        log.warning("send.failed", send=send.id, account=account.id, code=error.code)  # its words may hold the text
        breaker = self._breaker(account)
        match error:
            case RemoteUnauthorized():
                breaker.hold(Why.CREDENTIAL_REJECTED)
                return self._wait(send, SUSPENDED_PAUSE, error.code, error.detail)
            case AccountOffline():
                breaker.succeeded()  # the gateway itself is well
                await self._seen(account, AccountState.OFFLINE, error.code)
                return self._wait(send, OFFLINE_PAUSE, error.code, error.detail)
            case RemoteLimited():
                breaker.succeeded()
                return self._wait(send, error.retry_after or LIMITED_PAUSE, error.code, error.detail)
            case RemoteRefused():
                breaker.succeeded()
                return Done(partial(_end, send=send, state=SendState.FAILED, error=error.code, detail=error.detail))
            case RemoteUnavailable():
                breaker.failed()
                return self._wait(send, self.retry.delay(send.attempts + 1, self.random), error.code, error.detail)
            case OutcomeUnknown() | RemoteNonsense():
                breaker.failed()
                return Done(partial(_end, send=send, state=SendState.UNKNOWN, error=error.code, detail=error.detail))
            case _:
                raise error

    def _wait(self, send: Send, delay: timedelta, error: str, detail: str = "") -> Snooze:
        """Later, but not later than it is worth sending: then it is over."""
        delay = min(delay, max(send.expires_at - self.db.clock.now(), timedelta()))
        return Snooze(delay, partial(_wait, send_id=send.id, delay=delay, error=error, detail=detail), error)

    async def _seen(self, account: Account, state: AccountState, reason: str | None = None) -> None:
        """What a send tells of its account. Not worth losing the send's own outcome for."""
        with suppress(StoreUnavailable):
            await self.accounts.observe(account, state, reason)

    def _breaker(self, account: Account) -> Breaker:
        return self.breakers.of("gewe", f"{account.id}/{account.version}")  # a new token is a new chance


def dismiss(tx: Tx, job: Job) -> None:
    """Its job was cancelled: what had begun may have arrived, the rest is not sent."""
    send = sends.get(tx, decode(job.args, Args).send_id)
    if send is not None and send.state is SendState.SENDING:
        sends.end(tx, send.id, SendState.UNKNOWN, error="send.interrupted")
    elif send is not None and send.state in {SendState.QUEUED, SendState.WAITING}:
        _end(tx, send=send, state=SendState.CANCELLED, error="send.cancelled", detail="")


def _look(tx: Tx, send_id: str) -> tuple[Send | None, Conversation | None]:
    send = sends.get(tx, send_id)
    return send, None if send is None else conversations.get(tx, send.conversation_id)


def _start(tx: Tx, send: Send, account: Account, *, level: float, overall: float) -> bool:
    """Durable before the first byte, with the limiters' levels. Once more: a person may have been quicker."""
    conversation = conversations.get(tx, send.conversation_id)
    if send.origin is SendOrigin.REPLY and conversation is not None and _overtaken(account, conversation, tx.now):
        return False
    levels.save(tx, LEVELS + account.id, level)
    levels.save(tx, LEVELS + OVERALL, overall)
    return sends.start(tx, send.id)


def _end(tx: Tx, *, send: Send, state: SendState, error: str, detail: str) -> None:
    """It ends unsent, or nobody knows. The parts after it stay home, but not those after an unknown one."""
    sends.end(tx, send.id, state, error=error, detail=detail)
    if state is not SendState.UNKNOWN:
        sends.cancel_rest(tx, send.batch, error=error)


def _wait(tx: Tx, *, send_id: str, delay: timedelta, error: str, detail: str) -> None:
    sends.wait(tx, send_id, until=tx.now + delay, error=error, detail=detail)
