"""Messages on their way out: one at a time for an account, at its pace, and each at most once."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog
from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.account import Account
from daemon.domain.conversation import Conversation, Kept
from daemon.domain.job import Job, NewJob
from daemon.domain.message import AccountId
from daemon.domain.send import FINAL, Accepted, NewSend, Outgoing, Send, SendOrigin, SendState
from daemon.engine.account_states import Event
from daemon.engine.accounts import SEND_LANE, Accounts
from daemon.engine.campaign_jobs import wake
from daemon.engine.conversations import parting, why_silent
from daemon.engine.costs import USUAL, Refusal, Terms
from daemon.engine.gateway import Gateway, tell
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.ports import Messenger
from daemon.engine.postage import holds_account, release, reserve, settle, settle_unknown
from daemon.errors import (
    AccountOffline,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    QuotaExceeded,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    StoreUnavailable,
)
from daemon.limits.breaker import Breaker
from daemon.limits.pace import OVERALL, Pace
from daemon.limits.retry import Retry
from daemon.store import conversations, jobs, levels, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

LEVELS, ADDRESSEES = "pace/", "peer/"  # of the stored levels' names
OFFLINE_PAUSE = timedelta(seconds=60)  # until the next send of an offline account is tried: it is the probe
LIMITED_PAUSE = timedelta(seconds=60)  # where the gateway says "too often" and not how long
SUSPENDED_PAUSE = timedelta(minutes=5)  # an operator's change wakes the line at once
QUOTA_PAUSE = timedelta(minutes=5)  # at most, where a quota is used up: an operator may allow more before it renews
LOOK_AROUND = timedelta(seconds=2)  # while only the addressee of the first has to wait: another one may come
PASSING = 20  # addressees that are looked at for one who may be written to meanwhile


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
    if _overtaken(send, account, conversation, now):
        return SendState.CANCELLED, "send.overtaken"
    return None


def _overtaken(send: Send, account: Account, conversation: Conversation | None, now: datetime) -> bool:
    """A person answers here by now; of a reply also: the assistant was told to be quiet."""
    if conversation is None:
        return False
    if send.origin is SendOrigin.REPLY:
        if parting(conversation, now=now):
            return False
        return why_silent(account, conversation, now=now) in {Kept.HELD, Kept.MUTED}
    return send.origin is SendOrigin.CAMPAIGN and conversation.held(now)


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
    gateway: Gateway
    retry: Retry
    random: Random
    terms: Terms = USUAL

    async def __call__(self, job: Job) -> Result:
        send_id = decode(job.args, Args).send_id
        send, conversation = await self.db.read(_look, send_id)
        if send is None or send.state in FINAL:
            return Done()
        account = self._account(send.account_id)
        if over := why_over(send, account, conversation, now=self.db.clock.now()):
            return Done(partial(_end, send=send, state=over[0], error=over[1], detail=""))
        assert account is not None
        if not account.may_send:
            return self._wait(send, SUSPENDED_PAUSE, "account.suspended")
        if wait := self.pace.take(account.id, send.to):
            return await self._meanwhile(account, send, wait)
        return await self._try(account, send)

    async def _meanwhile(self, account: Account, send: Send, wait: timedelta) -> Result:
        """It has to wait. Where only its addressee is the reason, the next one who may be written to goes first."""
        if self.pace.addressees.wait_for(account.id, send.to) <= self.pace.wait_for(account.id):
            return self._wait(send, wait, "send.pace")
        for other in await self.db.read(sends.waiting, account.id, limit=PASSING):
            in_time = other.id != send.id and self.db.clock.now() < other.expires_at
            if in_time and not self.pace.take(account.id, other.to):
                return _and_then_this(await self._try(account, other))
        return self._wait(send, min(wait, LOOK_AROUND), "send.pace")

    async def _try(self, account: Account, send: Send) -> Result:
        """Its tokens are taken. It waits for an act of the account that is under way."""
        async with self.gateway.sending(account.id):
            if not self._still(send):
                return self._wait(send, timedelta(), "send.pace")  # the next look says what became of it
            breaker = self._breaker(account)
            if closed := breaker.before():
                return self._wait(send, closed, "gewe.breaker_open")
            try:
                return await self._begin(account, send)
            except BaseException:
                breaker.abandoned()
                raise

    def _still(self, send: Send) -> bool:
        """Whether it may go, after a wait that may have been long."""
        account = self._account(send.account_id)
        return account is not None and account.may_send and self.db.clock.now() < send.expires_at

    def _account(self, account_id: AccountId) -> Account | None:
        try:
            return self.accounts.get(account_id)
        except NotFound:
            return None

    async def _begin(self, account: Account, send: Send) -> Result:
        started = await self.db.write(_start, send, account, levels_of=self._levels(account, send), terms=self.terms)
        if started is True:
            return await self._send(account, send)
        self._breaker(account).abandoned()
        if not started:
            return Done(partial(_end, send=send, state=SendState.CANCELLED, error="send.overtaken", detail=""))
        if isinstance(started, QuotaExceeded) and holds_account(started):
            return self._wait(send, min(started.renews_at - self.db.clock.now(), QUOTA_PAUSE), started.code)
        return Done(partial(_end, send=send, state=SendState.FAILED, error=started.code, detail=str(started)))

    def _levels(self, account: Account, send: Send) -> dict[str, float]:
        """What this send took tokens of, to be stored with it."""
        addressees = self.pace.addressees
        return {
            LEVELS + account.id: self.pace.level(account.id),
            LEVELS + OVERALL: self.pace.overall.level(),
            ADDRESSEES + addressees.level_name(account.id, send.to): addressees.level(account.id, send.to),
        }

    async def _send(self, account: Account, send: Send) -> Result:
        breaker = self._breaker(account)
        try:
            accepted = await self.messenger.send(account, Outgoing(to=send.to, parcel=send.parcel))
        except RemoteError as error:
            tell(breaker, error, only_reads=False)
            return await self._failed(account, send, error)
        except NotSupported as error:  # by the product that holds the account
            breaker.abandoned()
            return Done(partial(_end, send=send, state=SendState.FAILED, error=error.code, detail=str(error)))
        breaker.succeeded()
        await self._seen(account, Event.SEND_ACCEPTED)
        log.info("send.accepted", send=send.id, account=account.id, wechat_id=accepted.wechat_id)
        return Done(partial(_accept, send=send, accepted=accepted))

    async def _failed(self, account: Account, send: Send, error: RemoteError) -> Result:
        """Each class of failure has its own end; only where surely nothing was sent is it tried again."""
        log.warning("send.failed", send=send.id, account=account.id, code=error.code)  # its words may hold the text
        match error:
            case RemoteUnauthorized():
                return self._wait(send, SUSPENDED_PAUSE, error.code, error.detail)
            case AccountOffline():
                await self._seen(account, Event.SEND_OFFLINE)
                return self._wait(send, OFFLINE_PAUSE, error.code, error.detail)
            case RemoteLimited():
                return self._wait(send, error.retry_after or LIMITED_PAUSE, error.code, error.detail)
            case RemoteRefused():
                return Done(partial(_end, send=send, state=SendState.FAILED, error=error.code, detail=error.detail))
            case RemoteUnavailable():
                return self._wait(send, self.retry.delay(send.attempts + 1, self.random), error.code, error.detail)
            case OutcomeUnknown() | RemoteNonsense():
                return Done(partial(_end, send=send, state=SendState.UNKNOWN, error=error.code, detail=error.detail))
            case _:
                raise error

    def _wait(self, send: Send, delay: timedelta, error: str, detail: str = "") -> Snooze:
        """Later, but not later than it is worth sending: then it is over."""
        delay = min(delay, max(send.expires_at - self.db.clock.now(), timedelta()))
        return Snooze(delay, partial(_wait, send_id=send.id, delay=delay, error=error, detail=detail), error)

    async def _seen(self, account: Account, event: Event) -> None:
        """What a send tells of its account. Not worth losing the send's own outcome for."""
        with suppress(StoreUnavailable):
            await self.accounts.observe(account, event)

    def _breaker(self, account: Account) -> Breaker:
        return self.gateway.breaker(account)


def dismiss(tx: Tx, job: Job) -> None:
    """Its job was cancelled: what had begun may have arrived, the rest is not sent."""
    send = sends.get(tx, decode(job.args, Args).send_id)
    if send is not None and send.state is SendState.SENDING:
        sends.end(tx, send.id, SendState.UNKNOWN, error="send.interrupted")
        settle_unknown(tx, send.id)
    elif send is not None and send.state in {SendState.QUEUED, SendState.WAITING}:
        _end(tx, send=send, state=SendState.CANCELLED, error="send.cancelled", detail="")


def _look(tx: Tx, send_id: str) -> tuple[Send | None, Conversation | None]:
    send = sends.get(tx, send_id)
    return send, None if send is None else conversations.get(tx, send.conversation_id)


def _start(tx: Tx, send: Send, account: Account, *, levels_of: Mapping[str, float], terms: Terms) -> bool | Refusal:
    """Durable before the first byte, with the limiters' levels and its charge. A person may have been quicker."""
    if _overtaken(send, account, conversations.get(tx, send.conversation_id), tx.now):
        return False
    reserved = reserve(tx, send, terms)
    if isinstance(reserved, Refusal):
        return reserved
    for name, level in levels_of.items():
        levels.save(tx, name, level)
    started = sends.start(tx, send.id)
    if not started:
        release(tx, send.id)
    return started


def _accept(tx: Tx, *, send: Send, accepted: Accepted) -> None:
    sends.accept(tx, send.id, accepted)
    settle(tx, send.id)
    wake(tx, send.batch)


def _and_then_this(result: Result) -> Snooze:
    """The job's own send is still to be tried; what became of the one that went first is written with that."""
    delay = result.delay if isinstance(result, Snooze) else timedelta()
    return Snooze(delay, result.work, "send.pace")


def _end(tx: Tx, *, send: Send, state: SendState, error: str, detail: str) -> None:
    """It ends unsent, or nobody knows. The parts after it stay home, but not those after an unknown one."""
    sends.end(tx, send.id, state, error=error, detail=detail)
    if state is SendState.UNKNOWN:
        settle_unknown(tx, send.id)
    else:
        release(tx, send.id)
        sends.cancel_rest(tx, send.batch, error=error)
    wake(tx, send.batch)


def _wait(tx: Tx, *, send_id: str, delay: timedelta, error: str, detail: str) -> None:
    sends.wait(tx, send_id, until=tx.now + delay, error=error, detail=detail)
    release(tx, send_id)
