"""Accounts on a real store, at a simulated GeWe, with the clock in the test's hands: logging in without the daemon."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from attrs import define

from daemon.domain.access import SYSTEM, Actor, Role
from daemon.domain.account import Account, Product, ReplyPolicy
from daemon.domain.alert import Alert
from daemon.domain.audit import AuditEntry
from daemon.domain.job import Job
from daemon.domain.login import LoginMethod
from daemon.domain.message import AppId, Wxid
from daemon.engine.account_moves import LOGIN_LANE
from daemon.engine.account_states import Event
from daemon.engine.account_watch import AccountWatch
from daemon.engine.accounts import AccountDraft, Accounts
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.logins import Begun, Logins
from daemon.engine.relogin import Relogin
from daemon.net.gewe.client import Gewe
from daemon.net.outbound import open_outbound
from daemon.secret import Redactor, Secret
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSimulator, gewe_simulator
from daemon.sim.gewe_accounts import Device
from daemon.store import alerts, audit, job_desk, jobs
from daemon.store.database import Database, open_database
from daemon.vault import Vault
from tests.clock import FakeClock

APP_ID, BOT = next(iter(DEMO_ACCOUNTS.items()))
ANN = Actor(id="key:ann", role=Role.ADMIN, source="192.0.2.7")
REGION = "320000"


@define
class Phone:
    """One account, a person at its phone, and us."""

    clock: FakeClock
    db: Database
    gewe: GeweSimulator
    accounts: Accounts
    logins: Logins
    relogin: Relogin
    watch: AccountWatch
    account_id: str

    @property
    def account(self) -> Account:
        return self.accounts.get(self.account_id)

    @property
    def device(self) -> Device:
        return self.gewe.accounts.get(self.account.app_id)

    async def begins(self, method: LoginMethod = LoginMethod.QR, *, by: Actor = ANN) -> Begun:
        return await self.logins.begin(self.account_id, method=method, region=REGION, proxy=None, by=by)

    async def sees(self, event: Event, detail: str | None = None) -> None:
        await self.accounts.observe(self.account, event, detail)

    async def works(self) -> Result | None:
        """One attempt of the account's login job once it is due; the clock goes there. None: there is no job."""
        found = await self.db.read(job_desk.page, lane=LOGIN_LANE, limit=10)
        waiting = [job for job in found if job.ended_at is None]
        if not waiting:
            return None
        self.clock.advance(max(0.0, (waiting[0].due_at - self.clock.now()).total_seconds()))
        claimed: list[Job] = await self.db.write(jobs.claim, LOGIN_LANE, 1)
        result = await self.relogin(claimed[0])
        await self.db.write(_settle, claimed[0], result, self.clock)
        return result

    async def alerts(self) -> list[Alert]:
        """Those that are open."""
        found, _ = await self.db.read(alerts.page, alerts.Filter(resolved=False), before=None, limit=10)
        return found

    async def audited(self) -> list[AuditEntry]:
        """Oldest first."""
        entries, _ = await self.db.read(
            audit.page, actor=None, action=None, target=None, since=None, until=None, before=None, limit=100
        )
        return list(reversed(entries))


def _settle(tx: Any, job: Job, result: Result, clock: FakeClock) -> None:
    if result.work is not None:
        result.work(tx)
    match result:
        case Done():
            tx.run("UPDATE jobs SET state = 'done', ended_ms = $2 WHERE id = $1", job.id, tx.now_ms)
        case Snooze(delay):
            due = tx.now_ms + delay // timedelta(milliseconds=1)
            tx.run("UPDATE jobs SET state = 'ready', due_ms = $2 WHERE id = $1", job.id, due)


@asynccontextmanager
async def phone(folder: Path, *, device: bool = True, relogin: bool = True) -> AsyncIterator[Phone]:
    clock, vault = FakeClock(), Vault(b"k" * 32, Redactor())
    async with AsyncExitStack() as stack:
        gewe = await stack.enter_async_context(gewe_simulator(clock=clock))
        db = await stack.enter_async_context(open_database(folder / "qiaod.db", clock))
        outbound = await stack.enter_async_context(open_outbound(vault.redactor))
        devices = Gewe.over(outbound).devices
        accounts = Accounts(db, vault, ReplyPolicy())
        logins = Logins(db, accounts, devices)
        repair = Relogin(db, accounts, logins, Random(7))
        watch = AccountWatch(db, accounts, devices, timedelta(minutes=5), timedelta(hours=6))
        draft = AccountDraft(
            app_id=AppId(APP_ID) if device else None,
            wxid=Wxid(BOT) if device else None,
            name="Shop",
            product=Product.HOSTED,
            base_url=gewe.base_url,
            token=Secret(gewe.token),
            workflow_id=None,
            policy=ReplyPolicy(),
            relogin=relogin,
        )
        account, _ = await accounts.add(draft, by=SYSTEM)
        yield Phone(clock, db, gewe, accounts, logins, repair, watch, account.id)
