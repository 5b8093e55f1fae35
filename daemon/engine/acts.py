"""What an account does besides sending messages: one at a time, within each kind's budget, written before the call.

A gateway that is left alone for a while, and a budget that is spent, refuse at once.

What is counted are the rows themselves, so the budgets are exact over restarts and crashes: what surely was not done is
released, what nobody knows of counts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar

import structlog
from attrs import define

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import ActKind, ActState
from daemon.engine.account_states import Event
from daemon.engine.accounts import Accounts, check_sending
from daemon.engine.act_units import Began, Ended, Ending, Verdict, begin, end, held_by, refusal, verdict
from daemon.engine.costs import USUAL, Refusal, Terms
from daemon.engine.gateway import Gateway, tell
from daemon.engine.timers import Timers
from daemon.errors import (
    AccountOffline,
    OutcomeUnknown,
    QiaodError,
    QuotaExceeded,
    RemoteError,
    StoreUnavailable,
)
from daemon.limits.act_budget import Wait, Why
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a caller is kept waiting for a short pause
QUOTA_PAUSE = timedelta(hours=1)  # the longest between two looks at a spent quota: somebody may raise it


@define
class Acts:
    db: Database
    accounts: Accounts
    gateway: Gateway
    timers: Timers
    random: Random
    terms: Terms = USUAL

    async def do(
        self,
        account: Account,
        kind: ActKind,
        target: str,
        *,
        by: Actor,
        call: Callable[[], Awaitable[T]],
        began: Began | None = None,
        ended: Ended[T] | None = None,
        per_day: int | None = None,
    ) -> T:
        """The call's answer. A short pause is waited for; raises RateLimited where it is longer or a budget is spent,
        QuotaExceeded where a quota has no room for it, Unavailable where GeWe is left alone for a while.

        `target`: whom or what it is done to, as it may be shown. `per_day` is a limit of the caller's own, if lower.
        """
        check_sending(account)
        deadline = self.db.clock.monotonic() + PATIENCE
        while True:
            async with self.gateway.acting(account.id, only_reads=kind.only_reads):
                beginning = partial(
                    begin,
                    account=account,
                    kind=kind,
                    target=target,
                    by=by,
                    drawn=self.random.random(),
                    per_day=per_day,
                    began=began,
                    terms=self.terms,
                )
                begun = await self._begin(account, beginning)
                if isinstance(begun, str):
                    return await self._carry_out(account, kind, target, begun, by=by, call=call, ended=ended)
            await self._rest(kind, begun, deadline)

    async def _begin(self, account: Account, beginning: Callable[[Tx], str | Wait | Refusal]) -> str | Wait:
        """Past the breaker; where nothing begins, it is another's turn to be its probe."""
        breaker = self.gateway.pass_breaker(account)
        try:
            begun = await self.db.write(beginning)
        except BaseException:
            breaker.abandoned()
            raise
        if not isinstance(begun, str):
            breaker.abandoned()
        if isinstance(begun, Refusal):
            raise begun
        return begun

    async def wait(self, account: Account, kind: ActKind, *, per_day: int | None = None) -> timedelta:
        """How long until one more of this kind is allowed; nothing where it is now. For jobs, which then snooze."""
        now = self.db.clock.now()
        held = await self.db.read(held_by, account, kind, per_day=per_day)
        return timedelta() if held is None else max(held.until - now, timedelta())

    async def _rest(self, kind: ActKind, held: Wait, deadline: float) -> None:
        left = (held.until - self.db.clock.now()).total_seconds()
        if held.why is not Why.TOO_SOON or self.db.clock.monotonic() + left > deadline:
            raise refusal(kind, held, self.db.clock.now())
        over = asyncio.Event()
        timer = self.timers.call_later(max(left, 0), over.set)
        try:
            await over.wait()
        finally:
            self.timers.cancel(timer)

    async def _carry_out(
        self,
        account: Account,
        kind: ActKind,
        target: str,
        act_id: str,
        *,
        by: Actor,
        call: Callable[[], Awaitable[T]],
        ended: Ended[T] | None,
    ) -> T:
        ending = Ending(act_id=act_id, account_id=account.id, kind=kind, target=target, by=by)
        breaker = self.gateway.breaker(account)
        try:
            value = await call()
        except QiaodError as error:
            tell(breaker, error, only_reads=kind.only_reads)
            said, detail = verdict(kind, error), error.detail if isinstance(error, RemoteError) else ""
            log.warning("act.failed", act=act_id, account=account.id, kind=kind, state=said.state, code=error.code)
            await self._end(ending, said, ended, error=error.code, detail=detail)
            await self._seen(account, error)
            raise
        except BaseException:  # cut off, or a mistake of ours: it may have been done
            breaker.abandoned()
            state = ActState.FAILED if kind.only_reads else ActState.UNKNOWN
            await self._end(ending, Verdict(state=state, counts=True), ended, error="act.interrupted", detail="")
            raise
        tell(breaker, None, only_reads=kind.only_reads)
        await self._end(ending, Verdict(state=ActState.DONE, counts=True), ended, value=value)
        log.info("act.done", act=act_id, account=account.id, kind=kind)
        return value

    async def _end(
        self,
        ending: Ending,
        said: Verdict,
        ended: Ended[T] | None,
        *,
        value: T | None = None,
        error: str | None = None,
        detail: str = "",
    ) -> None:
        try:
            await self.db.settle(end, ending, said, ended, value=value, error=error, detail=detail)
        except StoreUnavailable as refused:
            log.error("act.unrecorded", act=ending.act_id, account=ending.account_id, code=refused.code)
            if said.state is ActState.DONE and not ending.kind.only_reads:  # the next start makes it `unknown`
                raise OutcomeUnknown("act.unrecorded", service="gewe") from None

    async def _seen(self, account: Account, error: QiaodError) -> None:
        """What the act tells of its account. Not worth losing its own outcome for."""
        if isinstance(error, AccountOffline):
            with suppress(StoreUnavailable):
                await self.accounts.observe(account, Event.SEND_OFFLINE)


def until_renewed(refused: QuotaExceeded, now: datetime) -> timedelta:
    """How long a job waits that a quota has no room for."""
    return min(max(refused.renews_at - now, timedelta(seconds=1)), QUOTA_PAUSE)
