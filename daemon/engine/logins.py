"""Logging accounts in and out at GeWe, for a person or for ourselves: always on the account's own device."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account, AccountState
from daemon.domain.login import LoginCheck, LoginCode, LoginMethod, LoginStep, PendingLogin
from daemon.domain.message import AccountId
from daemon.engine.account_moves import move
from daemon.engine.account_states import SEND_FAILED, Event
from daemon.engine.accounts import Accounts
from daemon.engine.ports import Devices
from daemon.errors import AccountOffline, Conflict
from daemon.secret import Secret
from daemon.store import accounts as accounts_table
from daemon.store import audit, logins
from daemon.store.database import Database
from daemon.store.logins import Way
from daemon.store.tx import Tx

log = structlog.get_logger()

CODE_LIVES = timedelta(seconds=120)  # GeWe says 150 and 225; consumers have found 120 to be safe
ENDED = frozenset({LoginStep.CANCELLED, LoginStep.EXPIRED})


@frozen(kw_only=True)
class Begun:
    """What is to be scanned, by whom ever, until when."""

    account: Account
    code: LoginCode
    pending: PendingLogin


@define
class Logins:
    """One call at a time for an account: a person's and our own do not get into each other's way."""

    db: Database
    accounts: Accounts
    devices: Devices
    _locks: "WeakValueDictionary[AccountId, asyncio.Lock]" = field(factory=WeakValueDictionary, init=False)

    def lock(self, account_id: AccountId) -> asyncio.Lock:
        """Held while something is asked of the account's login."""
        return self._locks.setdefault(account_id, asyncio.Lock())

    async def begin(
        self, account_id: str, *, method: LoginMethod, region: str | None, proxy: Secret | None, by: Actor
    ) -> Begun:
        """Have GeWe make a code, or ask on the phone. What is left out is as it was at the last login.

        A login that was under way is given up for it. Conflict where there is no device to push to.
        """
        account = self.accounts.get(account_id)
        if method is LoginMethod.PUSH and not account.has_device:
            raise Conflict("account.no_device")
        async with self.lock(account.id):
            return await self._begin(account, method, Way(region=region, proxy=proxy), by)

    async def _begin(self, account: Account, method: LoginMethod, wanted: Way, by: Actor) -> Begun:
        last = await self.db.read(logins.way, self.accounts.vault, account.id)
        way = Way(region=wanted.region or last.region, proxy=wanted.proxy or last.proxy)
        ask = self.devices.login_code if method is LoginMethod.QR else self.devices.push_login
        code = await ask(account, region=way.region, proxy=None if way.proxy is None else way.proxy.reveal())
        now = self.db.clock.now()
        pending = PendingLogin(method=method, uuid=code.uuid, began_by=by.id, began_at=now, expires_at=now + CODE_LIVES)
        await self.db.write(self._began, account, code, pending, way, by=by)
        await self.accounts.load()
        log.info("login.started", account=account.id, method=method, by=by.id)
        if account.has_device and code.app_id != account.app_id:
            log.warning("login.device_changed", account=account.id, before=account.app_id, device=code.app_id)
        return Begun(account=self.accounts.get(account.id), code=code, pending=pending)

    def _began(self, tx: Tx, account: Account, code: LoginCode, pending: PendingLogin, way: Way, *, by: Actor) -> None:
        detail = {"method": pending.method, "region": way.region, "proxy": way.proxy is not None}
        if code.app_id != account.app_id:
            if accounts_table.device_of(tx, code.app_id) is not None:
                raise Conflict("account.app_id_taken", app_id=code.app_id)
            accounts_table.put_device(tx, account.id, code.app_id)
            detail |= {"device": code.app_id, "device_before": account.app_id if account.has_device else None}
        logins.begin(tx, self.accounts.vault, account.id, pending, way)
        move(tx, account.id, Event.LOGIN_SHOWN)
        audit.record(tx, by, "login.started", f"account:{account.id}", detail=detail)

    async def check(self, account_id: str, *, code: str | None, by: Actor) -> tuple[LoginCheck, Account]:
        """How far the login under way has come. Where it is done, the account is online and known by its wxid.

        `code` is the security code that WeChat shows. Conflict where no login is under way and the account is not
        online either.
        """
        account = self.accounts.get(account_id)
        async with self.lock(account.id):
            pending = await self.db.read(logins.pending, account.id)
            if pending is None:
                if account.state is AccountState.ONLINE:  # its messages said so before anybody asked
                    return LoginCheck(step=LoginStep.DONE, wxid=account.wxid), account
                raise Conflict("account.no_login")
            return await self.look(account, pending, code=code, by=by)

    async def reconnect(self, account_id: str, *, by: Actor) -> Account:
        """Take up the login that WeChat still knows. Conflict where GeWe takes it for online and is wrong."""
        account = self.accounts.get(account_id)
        async with self.lock(account.id):
            if account.state_reason == SEND_FAILED and await self.devices.check_online(account):
                raise Conflict("account.false_online")
            await self._reconnect(account, by)
        return self.accounts.get(account_id)

    async def _reconnect(self, account: Account, by: Actor) -> None:
        await self.devices.reconnect(account)
        await self.db.write(_reconnected, account, by=by)
        await self.accounts.load()
        log.info("account.reconnected", account=account.id, by=by.id)

    async def logout(self, account_id: str, *, by: Actor) -> Account:
        """Out, until somebody logs it in again. Its device stays its own."""
        account = self.accounts.get(account_id)
        async with self.lock(account.id):
            with suppress(AccountOffline):  # as wanted
                await self.devices.logout(account)
            await self.db.write(_logged_out, account, by=by)
            await self.accounts.load()
        log.info("account.logged_out", account=account.id, by=by.id)
        return self.accounts.get(account_id)

    async def online(self, account_id: str) -> tuple[bool, Account]:
        """What GeWe says when it is asked, which changes nothing; and the account as we take it to be."""
        account = self.accounts.get(account_id)
        return account.has_device and await self.devices.check_online(account), account

    # The lock is held by the caller.

    async def look(
        self, account: Account, pending: PendingLogin, *, code: str | None, by: Actor
    ) -> tuple[LoginCheck, Account]:
        check = await self.devices.check_login(account, pending.uuid, code=code)
        if check.step is LoginStep.WAITING and self.db.clock.now() >= pending.expires_at:
            check = evolve(check, step=LoginStep.EXPIRED)
        if check.step is LoginStep.DONE:
            await self.db.write(_done, account, pending, check, by=by)
        elif check.step in ENDED:
            await self.db.write(_failed, account, pending, check.step, by=by)
        if check.step is LoginStep.DONE or check.step in ENDED:
            await self.accounts.load()
            log.info("login.ended", account=account.id, step=check.step, by=by.id)
        return check, self.accounts.get(account.id)

    async def give_up(self, account: Account, *, by: Actor) -> None:
        """The login under way is not waited for any longer."""
        pending = await self.db.read(logins.pending, account.id)
        if pending is not None:
            await self.db.write(_failed, account, pending, LoginStep.EXPIRED, by=by)

    async def cure(self, account: Account, *, by: Actor) -> None:
        """GeWe takes it for online, and every message fails: log it out there, so that a login is possible again."""
        await self.db.write(_cured, account, by=by)
        await self.accounts.load()
        with suppress(AccountOffline):
            await self.devices.logout(account)

    async def push(self, account: Account, *, by: Actor) -> None:
        await self._begin(account, LoginMethod.PUSH, Way(), by)

    async def take_up(self, account: Account, *, by: Actor) -> None:
        await self._reconnect(account, by)


def _done(tx: Tx, account: Account, pending: PendingLogin, check: LoginCheck, *, by: Actor) -> None:
    if not logins.end(tx, account.id, pending.uuid):
        return
    detail: dict[str, object] = {"method": pending.method, "wxid": check.wxid}
    if check.wxid is not None and check.wxid != account.wxid:
        accounts_table.put_wxid(tx, account.id, check.wxid)
        detail |= {"wxid_before": account.wxid}
    move(tx, account.id, Event.LOGIN_DONE)
    audit.record(tx, by, "login.done", f"account:{account.id}", detail=detail)


def _failed(tx: Tx, account: Account, pending: PendingLogin, step: LoginStep, *, by: Actor) -> None:
    if logins.end(tx, account.id, pending.uuid):
        detail = {"method": pending.method, "step": step}
        audit.record(tx, by, "login.failed", f"account:{account.id}", detail=detail)


def _reconnected(tx: Tx, account: Account, *, by: Actor) -> None:
    logins.drop(tx, account.id)
    move(tx, account.id, Event.LOGIN_DONE)
    audit.record(tx, by, "account.reconnected", f"account:{account.id}")


def _logged_out(tx: Tx, account: Account, *, by: Actor) -> None:
    logins.drop(tx, account.id)
    move(tx, account.id, Event.LOGGED_OUT)
    audit.record(tx, by, "account.logged_out", f"account:{account.id}")


def _cured(tx: Tx, account: Account, *, by: Actor) -> None:
    move(tx, account.id, Event.CURED)
    audit.record(tx, by, "account.logged_out", f"account:{account.id}", detail={"why": "account.false_online"})
