"""The WeChat accounts we hold: all of them in memory, each change in the store first."""

import asyncio
import secrets
from datetime import datetime

import structlog
from attrs import define, evolve, field

from daemon.domain.access import Actor
from daemon.domain.account import Account, AccountState, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.engine import account_units as units
from daemon.engine.account_moves import SEND_LANE
from daemon.engine.account_states import TRAFFIC, Event, Standing, moved
from daemon.engine.account_units import AccountDraft, digest
from daemon.errors import Conflict, NotFound
from daemon.store import accounts
from daemon.store.accounts import CallbackKey
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

__all__ = ["SEND_LANE", "AccountDraft", "Accounts", "digest"]

log = structlog.get_logger()

KEY_BYTES = 32  # of a callback's secret: PROMISES of a 256-bit path


@define
class Accounts:
    db: Database
    vault: Vault
    default_policy: ReplyPolicy  # what an account gets where its operator says nothing
    _loading: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _noting: set[tuple[AccountId, Event]] = field(factory=set, init=False)
    _alive: dict[AccountId, datetime] = field(factory=dict, init=False)  # when a sign of life was last seen
    _accounts: dict[AccountId, Account] = field(factory=dict, init=False)
    _by_app: dict[AppId, Account] = field(factory=dict, init=False)
    _groups: dict[AccountId, str] = field(factory=dict, init=False)
    _keys: dict[bytes, CallbackKey] = field(factory=dict, init=False)

    async def load(self) -> None:
        """Read everything anew: at start, and after each change."""
        async with self._loading:  # an older reading must not replace a newer one
            held, keys = await self.db.read(_everything, self.vault)
            self._accounts = {account.id: account for account, _ in held}
            self._by_app = {account.app_id: account for account, _ in held}
            self._groups = {account.id: group for account, group in held}
            self._keys = {key.hash: key for key in keys}
            now = self.db.clock.now()
            self._alive = {account.id: self._alive.get(account.id, now) for account, _ in held}

    def all(self) -> list[Account]:
        """Newest first."""
        return sorted(self._accounts.values(), key=lambda account: account.id, reverse=True)

    def get(self, account_id: str) -> Account:
        account = self._accounts.get(AccountId(account_id))
        if account is None:
            raise NotFound("account.not_found", id=account_id)
        return account

    def behind_callback(self, key: str) -> str | None:
        """The group of accounts that this secret path speaks for; None for no key of ours."""
        found = self._keys.get(digest(key))
        if found is None or (found.expires_at is not None and found.expires_at <= self.db.clock.now()):
            return None
        return found.group

    def called_back(self, group: str | None, app_id: AppId) -> Account | None:
        """The account of this device, if it belongs to the group; None stands for any."""
        account = self._by_app.get(app_id)
        return account if account is not None and group in {None, self._groups[account.id]} else None

    def group_of(self, account: Account) -> str:
        """Which accounts share its callback: those of one GeWe token."""
        return self._groups[account.id]

    def silent_since(self, account: Account) -> datetime:
        """When it last showed a sign of life; after a start, that of the start."""
        return self._alive.get(account.id, account.created_at)

    async def add(self, draft: AccountDraft, *, by: Actor) -> tuple[Account, str | None]:
        """The account, and its callback's secret: shown now and never again.

        None where an account with the same GeWe token has one already: GeWe knows one callback a token.
        """
        sibling = next((a for a in self._accounts.values() if _same_gateway(a, draft)), None)
        group = self._groups[sibling.id] if sibling else None
        key = None if group else secrets.token_urlsafe(KEY_BYTES)
        account = await self.db.write(units.add, self.vault, draft, group=group, key=key, by=by)
        await self.load()
        log.info("account.added", account=account.id, app_id=account.app_id)
        return account, key

    async def change(self, account_id: str, draft: AccountDraft, *, version: int | None, by: Actor) -> Account:
        account = self.get(account_id)
        changed = await self.db.write(units.change, self.vault, account, draft, version=version, by=by)
        await self.load()
        log.info("account.changed", account=account.id, state=changed.state)
        return changed

    async def remove(self, account_id: str, *, version: int | None, by: Actor) -> None:
        account = self.get(account_id)
        await self.db.write(units.remove, account, version=version, by=by)
        await self.load()
        log.info("account.removed", account=account.id)

    async def rotate_callback_key(self, account_id: str, *, by: Actor) -> str:
        """A new secret for the callback of the account's group; the old one is honoured for another day."""
        account, key = self.get(account_id), secrets.token_urlsafe(KEY_BYTES)
        await self.db.write(units.rotate, account, self._groups[account.id], digest(key), by=by)
        await self.load()
        log.info("account.callback_key_rotated", account=account_id)
        return key

    async def observe(self, account: Account, event: Event, detail: str | None = None) -> None:
        """What was seen of the account outweighs what we thought. Costs nothing where nothing changes."""
        known = self._accounts.get(account.id)
        if known is None:
            return
        if event in TRAFFIC:
            self._alive[account.id] = self.db.clock.now()
        standing = Standing(known.state, known.state_reason)
        if moved(standing, event, detail) == standing or (account.id, event) in self._noting:
            return
        self._noting.add((account.id, event))  # many messages at once say the same
        try:
            move, seen_at = await self.db.write(units.observe, account.id, event, detail)
        finally:
            self._noting.discard((account.id, event))
        if move.after is not None:
            self._see(account.id, move.after, seen_at)
            log.info("account.moved", account=account.id, before=known.state, state=move.after.state, reason=detail)

    def _see(self, account_id: AccountId, standing: Standing, seen_at: datetime) -> None:
        """As stored, without reading all accounts anew: when many come online at once, each is seen by itself.

        Whoever changes an account reads it after that; a suspension that was read meanwhile came later and stands.
        """
        known = self._accounts.get(account_id)
        if known is not None and known.state is not AccountState.SUSPENDED:
            online_since = known.online_since or (seen_at if standing.state is AccountState.ONLINE else None)
            seen = evolve(
                known,
                state=standing.state,
                state_reason=standing.reason,
                updated_at=seen_at,
                online_since=online_since,
            )
            self._accounts[account_id] = self._by_app[seen.app_id] = seen

    async def identify(self, account: Account, wxid: Wxid) -> None:
        if account.wxid is None:
            await self.db.write(accounts.identify, account.id, wxid)
            await self.load()


def check_sending(account: Account) -> None:
    """Raises Conflict, with what to do about it, where nothing can be sent or done by the account now."""
    if not account.has_device:
        raise Conflict("account.no_device")
    if not account.may_send:
        raise Conflict("account.not_sending", state=account.state)


def _same_gateway(account: Account, draft: AccountDraft) -> bool:
    return account.base_url == draft.base_url and account.token == draft.token


def _everything(tx: Tx, vault: Vault) -> tuple[list[tuple[Account, str]], list[CallbackKey]]:
    return accounts.everything(tx, vault), accounts.callback_keys(tx)
