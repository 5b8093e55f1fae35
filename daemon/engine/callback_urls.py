"""Telling GeWe where to deliver: the address is made, set there, and believed once GeWe has come to it."""

import asyncio
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from attrs import define, field, frozen

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.engine import account_units as units
from daemon.engine.accounts import KEY_BYTES, Accounts, digest
from daemon.engine.ports import Devices
from daemon.engine.probes import Probes
from daemon.errors import Conflict, Invalid, OutcomeUnknown, RemoteError, RemoteRefused, RemoteUnavailable
from daemon.store.database import Database

log = structlog.get_logger()

PATIENCE = timedelta(seconds=10)  # GeWe tries the address before it answers; what is later than that will not come


@frozen(kw_only=True)
class CallbackSet:
    """`url` holds the secret: shown once."""

    account: Account
    url: str
    received_at: datetime  # when GeWe's test packet came


@define
class CallbackUrls:
    db: Database
    accounts: Accounts
    devices: Devices
    probes: Probes
    patience: timedelta = PATIENCE
    _one: asyncio.Lock = field(factory=asyncio.Lock, init=False)  # at a time: GeWe's packet does not say which

    async def set_up(self, account_id: str, *, base: str, path: str, by: Actor) -> CallbackSet:
        """Give the account's group a new callback address, `base` + `path`/key, and have GeWe deliver there.

        The keys before are honoured for another day once GeWe
        has taken the new one. Invalid and Conflict where the address cannot be right, RemoteRefused where GeWe cannot
        reach it, RemoteUnavailable where it said yes and did not come.
        """
        account = self.accounts.get(account_id)
        base = check_base(base, gateway=account.base_url)
        key = secrets.token_urlsafe(KEY_BYTES)
        url, group = f"{base.rstrip('/')}{path}/{key}", self.accounts.group_of(account)
        async with self._one:
            await self.db.write(units.offer_key, account, group, digest(key), host=urlsplit(url).netloc, by=by)
            await self.accounts.load()
            try:
                received_at = await self._set(account, group, url)
            except (OutcomeUnknown, Silent):
                raise  # GeWe may deliver there by now: both keys stay
            except RemoteError:
                await self.db.write(units.withdraw_key, digest(key))
                await self.accounts.load()
                raise
            await self.db.write(units.rotated, account, group, digest(key), by=by)
            await self.accounts.load()
        log.info("webhook.set", account=account.id, host=urlsplit(url).netloc, by=by.id)
        return CallbackSet(account=account, url=url, received_at=received_at)

    async def _set(self, account: Account, group: str, url: str) -> datetime:
        host = urlsplit(url).netloc
        with self.probes.expected(group) as seen:
            try:
                await self.devices.set_callback(account, url)
            except RemoteRefused as error:
                if error.code == "gewe.callback_unreachable":
                    raise RemoteRefused("webhook.unreachable", service=error.service, host=host) from error
                raise
            with suppress(TimeoutError):
                async with asyncio.timeout(self.patience.total_seconds()):
                    await seen.wait()
            if not seen.is_set():
                raise Silent("webhook.silent", service="gewe", host=host, seconds=f"{self.patience.total_seconds():g}")
        return self.db.clock.now()


class Silent(RemoteUnavailable):
    """GeWe took the address, and did not come."""


def check_base(base: str, *, gateway: str) -> str:
    """`base` where a GeWe at the address `gateway` may be able to reach it."""
    if not base:
        raise Conflict("webhook.no_public_url")
    host = urlsplit(base).hostname or ""
    if not host:
        raise Invalid("webhook.no_host", url=base)
    if is_local(host) and not is_local(urlsplit(gateway).hostname or ""):
        raise Invalid("webhook.loopback", host=host)
    return base


def is_local(host: str) -> bool:
    """Whether the name means the machine that says it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
