"""What an operator does to an account, and what is seen of it: units of work, each with its line in the audit log."""

import hashlib
from datetime import datetime, timedelta

from attrs import evolve, frozen

from daemon.codec import encode
from daemon.domain.access import Actor
from daemon.domain.account import NEW_DEVICE, Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.engine.account_moves import SEND_LANE, Move, alert_name, move, repair
from daemon.engine.account_states import Event
from daemon.engine.targets import well_formed
from daemon.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from daemon.secret import Secret
from daemon.store import accounts, alerts, audit, due, workflows
from daemon.store.tx import Tx
from daemon.vault import Vault

OVERLAP = timedelta(hours=24)  # how long a replaced callback key is still honoured
TOLD = ("app_id", "wxid", "name", "product", "base_url", "token", "workflow_id", "policy", "relogin")  # by an operator


@frozen(kw_only=True)
class AccountDraft:
    """What an operator says of an account."""

    app_id: AppId | None  # None: the device it has, or one that GeWe will give it at its first login
    wxid: Wxid | None  # None: as it was learnt
    name: str
    product: Product
    base_url: str
    token: Secret
    workflow_id: str | None
    policy: ReplyPolicy
    suspended: bool = False
    relogin: bool = True


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _check_version(account: Account, version: int | None) -> None:
    if version is not None and version != account.version:
        raise PreconditionFailed("stale_version", found=account.version)


def _check(tx: Tx, vault: Vault, draft: AccountDraft, *, account_id: str | None) -> None:
    taken = None if draft.app_id is None else accounts.device_of(tx, draft.app_id)
    if taken is not None and taken != account_id:
        raise Conflict("account.app_id_taken", app_id=draft.app_id)
    if draft.workflow_id is not None and workflows.get(tx, vault, draft.workflow_id) is None:
        raise Invalid(problems=[Problem("workflow_id", "no such workflow")])
    if not well_formed(draft.base_url.strip()):
        raise Invalid(problems=[Problem("base_url", "this is no address that can be called")])


def add(tx: Tx, vault: Vault, draft: AccountDraft, *, group: str | None, key: str | None, by: Actor) -> Account:
    _check(tx, vault, draft, account_id=None)
    account_id = AccountId(tx.new_id())
    account = Account(
        id=account_id,
        app_id=draft.app_id or AppId(NEW_DEVICE + account_id),
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
        relogin=draft.relogin,
    )
    accounts.add(tx, vault, account, group=group or account.id)
    if key is not None:
        accounts.add_callback_key(tx, account.id, digest(key))
    audit.record(tx, by, "account.added", f"account:{account.id}", detail={"after": digest_of(account)})
    return account


def change(tx: Tx, vault: Vault, account: Account, draft: AccountDraft, *, version: int | None, by: Actor) -> Account:
    _check_version(account, version)
    _check(tx, vault, draft, account_id=account.id)
    row = accounts.standing(tx, account.id)
    if row is None:
        raise NotFound("account.not_found", id=account.id)
    app_id = draft.app_id or AppId(row["app_id"])
    changed = evolve(
        account,
        app_id=app_id,
        wxid=draft.wxid or (row["wxid"] if app_id == row["app_id"] else None),  # learnt, of this device
        name=draft.name,
        product=draft.product,
        base_url=draft.base_url,
        token=draft.token,
        state=AccountState(row["state"]),
        state_reason=row["state_reason"],
        workflow_id=draft.workflow_id,
        policy=draft.policy,
        relogin=draft.relogin,
    )
    changed = accounts.renewed(changed, tx)
    accounts.save(tx, vault, changed)
    standing = move(tx, account.id, Event.SUSPENDED if draft.suspended else Event.RESUMED)
    _tell_change(tx, account, changed, standing, by)
    due.hasten(tx, lane=SEND_LANE, key=account.id)
    if changed.state is AccountState.OFFLINE and changed.relogin and not account.relogin:
        repair(tx, account.id)
    assert standing.after is not None
    return evolve(changed, state=standing.after.state, state_reason=standing.after.reason)


def _tell_change(tx: Tx, before: Account, after: Account, standing: Move, by: Actor) -> None:
    names = [name for name in TOLD if getattr(before, name) != getattr(after, name)]
    detail = {"before": digest_of(before), "after": digest_of(after), "fields": names}
    audit.record(tx, by, "account.changed", f"account:{after.id}", detail=detail)
    if standing.news and standing.after is not None:
        suspended = standing.after.state is AccountState.SUSPENDED
        audit.record(tx, by, "account.suspended" if suspended else "account.resumed", f"account:{after.id}")


def digest_of(account: Account) -> str:
    """A digest of what an operator says of the account, without its token."""
    said = [getattr(account, name) for name in TOLD if name != "token"]
    return hashlib.sha256(encode(said)).hexdigest()[:16]


def rotate(tx: Tx, account: Account, group: str, hashed: bytes, *, by: Actor) -> None:
    accounts.add_callback_key(tx, group, hashed)
    rotated(tx, account, group, hashed, by=by)


def offer_key(tx: Tx, account: Account, group: str, hashed: bytes, *, host: str, by: Actor) -> None:
    """Honoured from now on, beside those that were."""
    accounts.add_callback_key(tx, group, hashed)
    audit.record(tx, by, "callback_key.added", f"account:{account.id}", detail={"group": group, "host": host})


def withdraw_key(tx: Tx, hashed: bytes) -> None:
    accounts.drop_callback_key(tx, hashed)


def rotated(tx: Tx, account: Account, group: str, hashed: bytes, *, by: Actor) -> None:
    """The keys before this one are honoured for another day."""
    accounts.retire_callback_keys(tx, group, but=hashed, at=tx.now + OVERLAP)
    audit.record(tx, by, "callback_key.rotated", f"account:{account.id}", detail={"group": group})


def remove(tx: Tx, account: Account, *, version: int | None, by: Actor) -> None:
    _check_version(account, version)
    if tx.value("SELECT 1 FROM conversations WHERE account_id = $1 LIMIT 1", account.id):
        raise Conflict("account.has_conversations")
    accounts.remove(tx, account.id)
    alerts.resolve(tx, alert_name(account.id))
    audit.record(tx, by, "account.removed", f"account:{account.id}", detail={"before": digest_of(account)})


def observe(tx: Tx, account_id: AccountId, event: Event, detail: str | None) -> tuple[Move, datetime]:
    return move(tx, account_id, event, detail), tx.now
