"""The WeChat accounts we hold: all of them in memory, each change in the store first."""

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from daemon.secret import Secret
from daemon.store import accounts, due, workflows
from daemon.store.accounts import CallbackKey
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.vault import Vault

log = structlog.get_logger()

SEND_LANE = "send"
KEY_BYTES = 32  # of a callback's secret: PROMISES of a 256-bit path
OVERLAP = timedelta(hours=24)  # how long a replaced callback key is still honoured


@frozen(kw_only=True)
class AccountDraft:
    """What an operator says of an account."""

    app_id: AppId
    wxid: Wxid | None
    name: str
    product: Product
    base_url: str
    token: Secret
    workflow_id: str | None
    policy: ReplyPolicy
    suspended: bool = False


@define
class Accounts:
    db: Database
    vault: Vault
    default_policy: ReplyPolicy  # what an account gets where its operator says nothing
    _loading: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _noting: set[tuple[AccountId, AccountState]] = field(factory=set, init=False)
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

    def called_back(self, group: str, app_id: AppId) -> Account | None:
        """The account of this device, if it belongs to the group."""
        account = self._by_app.get(app_id)
        return account if account is not None and self._groups[account.id] == group else None

    async def add(self, draft: AccountDraft) -> tuple[Account, str | None]:
        """The account, and its callback's secret: shown now and never again.

        None where an account with the same GeWe token has one already: GeWe knows one callback a token.
        """
        sibling = next((a for a in self._accounts.values() if _same_gateway(a, draft)), None)
        group = self._groups[sibling.id] if sibling else None
        key = None if group else secrets.token_urlsafe(KEY_BYTES)
        account = await self.db.write(_add, self.vault, draft, group=group, key=key)
        await self.load()
        log.info("account.added", account=account.id, app_id=account.app_id)
        return account, key

    async def change(self, account_id: str, draft: AccountDraft, *, version: int | None) -> Account:
        account = self.get(account_id)
        changed = await self.db.write(_change, self.vault, account, draft, version=version)
        await self.load()
        log.info("account.changed", account=account.id, state=changed.state)
        return changed

    async def remove(self, account_id: str, *, version: int | None) -> None:
        account = self.get(account_id)
        _check_version(account, version)
        await self.db.write(_remove, account.id)
        await self.load()
        log.info("account.removed", account=account.id)

    async def rotate_callback_key(self, account_id: str) -> str:
        """A new secret for the callback of the account's group; the old one is honoured for another day."""
        group, key = self._groups[self.get(account_id).id], secrets.token_urlsafe(KEY_BYTES)
        await self.db.write(accounts.add_callback_key, group, digest(key), retire_at=self.db.clock.now() + OVERLAP)
        await self.load()
        log.info("account.callback_key_rotated", account=account_id)
        return key

    async def observe(self, account: Account, state: AccountState, reason: str | None = None) -> None:
        """What was seen of the account outweighs what we thought. Costs nothing where nothing changes."""
        known = self._accounts.get(account.id)
        if known is None or known.state in {state, AccountState.SUSPENDED} or (account.id, state) in self._noting:
            return
        self._noting.add((account.id, state))  # many messages at once say the same
        try:
            seen_at = await self.db.write(_observe, account.id, state, reason)
        finally:
            self._noting.discard((account.id, state))
        if seen_at is not None:
            self._see(account.id, state, reason, seen_at)
        log.info("account.moved", account=account.id, before=known.state, state=state, reason=reason)

    def _see(self, account_id: AccountId, state: AccountState, reason: str | None, seen_at: datetime) -> None:
        """As stored, without reading all accounts anew: when many come online at once, each is seen by itself.

        Whoever changes an account reads it after that; a suspension that was read meanwhile came later and stands.
        """
        known = self._accounts.get(account_id)
        if known is not None and known.state is not AccountState.SUSPENDED:
            seen = evolve(known, state=state, state_reason=reason, updated_at=seen_at)
            self._accounts[account_id] = self._by_app[seen.app_id] = seen

    async def identify(self, account: Account, wxid: Wxid) -> None:
        if account.wxid is None:
            await self.db.write(accounts.identify, account.id, wxid)
            await self.load()


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _same_gateway(account: Account, draft: AccountDraft) -> bool:
    return account.base_url == draft.base_url and account.token == draft.token


def _check_version(account: Account, version: int | None) -> None:
    if version is not None and version != account.version:
        raise PreconditionFailed("stale_version", found=account.version)


def _everything(tx: Tx, vault: Vault) -> tuple[list[tuple[Account, str]], list[CallbackKey]]:
    return accounts.everything(tx, vault), accounts.callback_keys(tx)


def _check(tx: Tx, vault: Vault, draft: AccountDraft, *, account_id: str | None) -> None:
    taken = tx.value("SELECT id FROM accounts WHERE app_id = $1", draft.app_id)
    if taken is not None and taken != account_id:
        raise Conflict("account.app_id_taken", app_id=draft.app_id)
    if draft.workflow_id is not None and workflows.get(tx, vault, draft.workflow_id) is None:
        raise Invalid(problems=[Problem("workflow_id", "no such workflow")])


def _add(tx: Tx, vault: Vault, draft: AccountDraft, *, group: str | None, key: str | None) -> Account:
    _check(tx, vault, draft, account_id=None)
    account = Account(
        id=AccountId(tx.new_id()),
        app_id=draft.app_id,
        wxid=draft.wxid,
        name=draft.name,
        product=draft.product,
        base_url=draft.base_url,
        token=draft.token,
        state=AccountState.SUSPENDED if draft.suspended else AccountState.NEW,
        state_reason=None,
        workflow_id=draft.workflow_id,
        policy=draft.policy,
        created_at=tx.now,
        updated_at=tx.now,
        version=1,
    )
    accounts.add(tx, vault, account, group=group or account.id)
    if key is not None:
        accounts.add_callback_key(tx, account.id, digest(key))
    return account


def _change(tx: Tx, vault: Vault, account: Account, draft: AccountDraft, *, version: int | None) -> Account:
    _check_version(account, version)
    _check(tx, vault, draft, account_id=account.id)
    before = AccountState(tx.value("SELECT state FROM accounts WHERE id = $1", account.id))
    state = _suspended(before, draft.suspended)
    changed = evolve(
        account,
        app_id=draft.app_id,
        wxid=draft.wxid,
        name=draft.name,
        product=draft.product,
        base_url=draft.base_url,
        token=draft.token,
        state=state,
        state_reason=account.state_reason if state is before else None,
        workflow_id=draft.workflow_id,
        policy=draft.policy,
    )
    changed = accounts.renewed(changed, tx)
    accounts.save(tx, vault, changed)
    due.hasten(tx, lane=SEND_LANE, key=account.id)
    return changed


def _suspended(state: AccountState, suspended: bool) -> AccountState:
    if suspended:
        return AccountState.SUSPENDED
    return AccountState.NEW if state is AccountState.SUSPENDED else state  # new until it is heard of


def _remove(tx: Tx, account_id: AccountId) -> None:
    if tx.value("SELECT 1 FROM conversations WHERE account_id = $1 LIMIT 1", account_id):
        raise Conflict("account.has_conversations")
    accounts.remove(tx, account_id)


def _observe(tx: Tx, account_id: AccountId, state: AccountState, reason: str | None) -> datetime | None:
    """When it was seen; None where its operator had suspended it."""
    if not accounts.observe(tx, account_id, state, reason):
        return None
    if state is AccountState.ONLINE:
        due.hasten(tx, lane=SEND_LANE, key=account_id)
    return tx.now
