"""Looks after silent accounts: GeWe is asked about them, and now and then a message to ourselves shows more."""

import asyncio
from datetime import datetime, timedelta

import structlog
from attrs import define, field

from daemon.domain.account import Account, AccountState
from daemon.domain.message import AccountId
from daemon.engine.account_states import Event
from daemon.engine.accounts import Accounts
from daemon.engine.canary import send_canary
from daemon.engine.ports import Devices
from daemon.errors import RemoteError, StoreUnavailable
from daemon.store.database import Database

log = structlog.get_logger()

SILENT = timedelta(minutes=10)  # who was heard of within that is surely online
AT_ONCE = 8  # questions to GeWe
ASKED = frozenset({AccountState.NEW, AccountState.ONLINE, AccountState.RECONNECTING})


@define
class AccountWatch:
    """Runs beside the daemon; both spans may be read again from the settings."""

    db: Database
    accounts: Accounts
    devices: Devices
    check_every: timedelta
    canary_after: timedelta  # zero: no canaries
    _canaries: dict[AccountId, datetime] = field(factory=dict, init=False)  # when the last one went

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.check_every.total_seconds())
            try:
                await self.look()
            except* StoreUnavailable:
                log.info("accounts.unwatched")

    async def look(self) -> None:
        """Every account that has been silent, once."""
        now, held = self.db.clock.now(), self.accounts.all()
        self._canaries = {account.id: self._canaries[account.id] for account in held if account.id in self._canaries}
        seats = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for account in held:
                if account.state in ASKED and self._is_silent(account):
                    group.create_task(self._ask(account, seats), name=f"accounts.check {account.id}")
        for account in self.accounts.all():  # as they stand after that
            if account.state is AccountState.ONLINE and self._wants_canary(account, now):
                self._canaries[account.id] = now
                await self.db.write(send_canary, account)
                log.info("account.canary", account=account.id)

    async def _ask(self, account: Account, seats: asyncio.Semaphore) -> None:
        async with seats:
            try:
                online = await self.devices.check_online(account)
            except RemoteError as error:
                log.info("account.unchecked", account=account.id, code=error.code)
                return
        if self._is_silent(account):  # a message may have come meanwhile
            await self.accounts.observe(account, Event.CHECKED_ONLINE if online else Event.CHECKED_OFFLINE)

    def _is_silent(self, account: Account) -> bool:
        return account.has_device and self.db.clock.now() - self.accounts.silent_since(account) >= SILENT

    def _wants_canary(self, account: Account, now: datetime) -> bool:
        """An account that should be online, and of which nothing was heard for long."""
        since = max(self.accounts.silent_since(account), self._canaries.get(account.id, account.created_at))
        return bool(self.canary_after) and account.has_device and now - since >= self.canary_after
