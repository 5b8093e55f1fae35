"""GeWe tried out for one account: is it reached, does it take the token, know the device, hold the login, call us?"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from attrs import define

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.checkup import CheckOutcome, CheckStep, Finding, in_order
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import FINAL, SendState
from daemon.engine.accounts import Accounts
from daemon.engine.ports import Devices
from daemon.engine.sends import Sends
from daemon.errors import AccountOffline, NotFound, RemoteError, RemoteRefused, RemoteUnauthorized
from daemon.store.database import Database

STEPS = (CheckStep.CONNECT, CheckStep.TOKEN, CheckStep.DEVICE, CheckStep.LOGIN)
PATIENCE = timedelta(seconds=20)  # for one message; an account at its limit takes longer
LOOK_EVERY = 0.1  # seconds
ENDED = FINAL | {SendState.UNKNOWN}
QUIET = timedelta(hours=24)  # without any callback: worth a warning
UNKNOWN_DEVICE = frozenset({"gewe.no_device", "gewe.unknown_device"})


def failed_step(error: RemoteError) -> CheckStep:
    """Which step of the round trip an error belongs to. Pure."""
    if error.code in UNKNOWN_DEVICE:
        return CheckStep.DEVICE
    match error:
        case RemoteUnauthorized():
            return CheckStep.TOKEN
        case AccountOffline() | RemoteRefused():
            return CheckStep.LOGIN
        case _:
            return CheckStep.CONNECT


def callback_finding(last: datetime, now: datetime) -> Finding:
    """What was heard of the account lately. Pure."""
    if now - last <= QUIET:
        return Finding(step=CheckStep.CALLBACK, found=CheckOutcome.OK)
    hours = round((now - last) / timedelta(hours=1))
    return Finding(step=CheckStep.CALLBACK, found=CheckOutcome.WARNING, code="gewe.check_callback", detail=f"{hours} h")


@define
class GeweCheckup:
    db: Database
    accounts: Accounts
    devices: Devices
    sends: Sends

    async def __call__(self, account: Account) -> tuple[Finding, ...]:
        """Costs nothing and changes nothing."""
        findings = in_order(STEPS, await self._round_trip(account))
        return (*findings, callback_finding(self.accounts.silent_since(account), self.db.clock.now()))

    async def _round_trip(self, account: Account) -> Finding:
        try:
            online = await self.devices.check_online(account)
        except RemoteError as error:
            step = failed_step(error)
            return Finding(
                step=step, found=CheckOutcome.FAILED, code=f"gewe.check_{step}", detail=error.detail or error.code
            )
        if online:
            return Finding(step=CheckStep.LOGIN, found=CheckOutcome.OK)
        return Finding(step=CheckStep.LOGIN, found=CheckOutcome.FAILED, code="gewe.check_login")

    async def send(self, account: Account, to: Wxid, text: str, *, by: Actor) -> Finding:
        """A real message through the outbox, at its pace; waits for what becomes of it, up to PATIENCE."""
        queued = await self.sends.add(account, to=to, draft=Text(text=text), by=by)
        send = queued.sends[0]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while send.state not in ENDED:
                    await asyncio.sleep(LOOK_EVERY)
                    send = await self.sends.get(send.id)
        if send.state is SendState.SENT:
            return Finding(step=CheckStep.SEND, found=CheckOutcome.OK)
        outcome = CheckOutcome.FAILED if send.state in ENDED else CheckOutcome.WARNING
        return Finding(step=CheckStep.SEND, found=outcome, code="gewe.check_send", detail=send.error or send.state)

    def account(self, account_id: str | None, scope: frozenset[str] | None) -> Account:
        """The one that is named, or the only one there is."""
        if account_id is not None:
            return self.accounts.get(account_id)
        held = [account for account in self.accounts.all() if scope is None or account.id in scope]
        if len(held) != 1:
            raise NotFound("account.name_one", count=len(held))
        return held[0]
