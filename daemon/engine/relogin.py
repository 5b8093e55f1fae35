"""An account that went offline is logged in again: by GeWe's own means first, then by the phone, then by a person.

The ladder of one round: is it truly offline? take up the old login; ask on the phone; call for a person. Each round is
counted before it begins, so that neither a crash nor an account that comes and goes makes more logins of it: WeChat
bans for those.
"""

from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from random import Random

import structlog
from attrs import define

from daemon.domain.access import SYSTEM
from daemon.domain.account import Account, AccountState
from daemon.domain.job import Job
from daemon.domain.login import LoginStep, PendingLogin
from daemon.domain.message import AccountId
from daemon.engine.account_states import CHECKED, CURING, NEEDS_QR, SEND_FAILED, Event
from daemon.engine.accounts import Accounts
from daemon.engine.canary import send_canary
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.logins import CODE_LIVES, ENDED, Logins
from daemon.errors import (
    Conflict,
    Invalid,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnavailable,
)
from daemon.store import logins as table
from daemon.store.database import Database
from daemon.store.logins import Tries
from daemon.store.tx import Tx

log = structlog.get_logger()

POLL = timedelta(seconds=5)  # as GeWe's own documents have it
ROUNDS = 5
PAUSE = timedelta(minutes=10)  # between two rounds at least; doubled after each
GATEWAY_PAUSE = timedelta(minutes=1)  # GeWe itself does not answer: that is no round
CANARY_PAUSE = timedelta(minutes=1)  # until the message to ourselves has shown something
SPREAD = 0.25  # of a pause, added by chance: many accounts that went together come back one by one
WANTED = frozenset({AccountState.OFFLINE, AccountState.QR_PENDING})


@define
class Relogin:
    """The handler of the lane `login`. Its jobs' key is the account."""

    db: Database
    accounts: Accounts
    logins: Logins
    random: Random

    async def __call__(self, job: Job) -> Result:
        account = self._wanting(job.key or "")
        if account is None:
            return Done()
        async with self.logins.lock(account.id):
            account = self._wanting(account.id)  # an operator may have had the lock
            return Done() if account is None else await self._step(account)

    def _wanting(self, account_id: str) -> Account | None:
        """The account, where it is ours to log in again."""
        try:
            account = self.accounts.get(account_id)
        except NotFound:
            return None
        lost = account.state in WANTED or account.state_reason == CURING
        return account if lost and account.relogin and account.has_device else None

    async def _step(self, account: Account) -> Result:
        pending, tries = await self.db.read(_look, account.id)
        now = self.db.clock.now()
        if pending is not None and pending.began_by == SYSTEM.id:
            return await self._poll(account, pending)
        if pending is not None and now < pending.expires_at:
            return Snooze(pending.expires_at - now, reason="account.login_begun")  # a person is at it
        if tries.next_at is not None and now < tries.next_at:
            return Snooze(tries.next_at - now, reason=account.state_reason or "")
        if tries.rounds >= ROUNDS:
            return Done()  # the alert stays
        try:
            online = await self.logins.devices.check_online(account)
        except RemoteRefused:
            online = False  # it does not know the device or the token: only a person can help
        except (RemoteUnavailable, RemoteLimited, RemoteNonsense, OutcomeUnknown) as error:
            return Snooze(GATEWAY_PAUSE, reason=error.code)
        return await self._climb(account, tries, online=online)

    async def _climb(self, account: Account, tries: Tries, *, online: bool) -> Result:
        if online and account.state_reason == CHECKED:
            await self.accounts.observe(account, Event.CHECKED_ONLINE)  # it said no and says yes: nothing contradicts
            return Done()
        doubtful = online and account.state_reason != SEND_FAILED
        pause = CANARY_PAUSE if doubtful and tries.rounds == 0 else self._pause(tries.rounds)
        await self.db.write(table.tried, account.id, next_at=self.db.clock.now() + pause)
        log.info("relogin.began", account=account.id, round=tries.rounds + 1, thought_online=online)
        if doubtful:
            return Snooze(pause, partial(_probe, account=account), "account.probing")
        if online:
            await self._attempt(account, "cure", self.logins.cure(account, by=SYSTEM))
        elif await self._attempt(account, "reconnect", self.logins.take_up(account, by=SYSTEM)):
            return Done()
        if await self._attempt(account, "push", self.logins.push(account, by=SYSTEM)):
            return Snooze(POLL, reason="account.login_begun")
        return await self._call_for_a_person(account)

    async def _attempt(self, account: Account, what: str, trying: Coroutine[object, object, None]) -> bool:
        """Whether GeWe did it. Its refusal is a step of the ladder, and no failure of ours."""
        try:
            await trying
        except (RemoteError, NotSupported, Invalid, Conflict) as error:
            log.info("relogin.refused", account=account.id, step=what, code=error.code)
            return False
        return True

    async def _poll(self, account: Account, pending: PendingLogin) -> Result:
        """Somebody is asked on the phone."""
        try:
            check, _ = await self.logins.look(account, pending, code=None, by=SYSTEM)
            step = check.step
        except RemoteError as error:
            log.info("relogin.unseen", account=account.id, code=error.code)
            step = LoginStep.WAITING
        if step is LoginStep.DONE:
            return Done()
        late = self.db.clock.now() >= pending.expires_at + CODE_LIVES
        if step in {LoginStep.WAITING, LoginStep.SCANNED} and not late:
            return Snooze(POLL, reason="account.login_begun")
        if step not in ENDED:  # WeChat wants a security code, which a person has to read off the phone
            await self.logins.give_up(account, by=SYSTEM)
        return await self._call_for_a_person(account)

    async def _call_for_a_person(self, account: Account) -> Result:
        await self.accounts.observe(account, Event.QR_NEEDED)
        log.warning("relogin.needs_qr", account=account.id)
        return Snooze(PAUSE, reason=NEEDS_QR)

    def _pause(self, rounds: int) -> timedelta:
        return PAUSE * (2.0**rounds * self.random.uniform(1, 1 + SPREAD))


def _look(tx: Tx, account_id: AccountId) -> tuple[PendingLogin | None, Tries]:
    return table.pending(tx, account_id), table.tries(tx, account_id)


def _probe(tx: Tx, *, account: Account) -> None:
    send_canary(tx, account)
