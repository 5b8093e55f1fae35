"""The tables `accounts` and `callback_keys`."""

import sqlite3
from datetime import datetime

from attrs import evolve, frozen

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.store.tx import Tx
from daemon.vault import Vault

_OF_ACCOUNT = ("contacts", "contact_books", "rooms", "act_budgets", "friend_requests", "do_not_contact")


@frozen(kw_only=True)
class CallbackKey:
    """A secret of the callback's path, as a hash, and whose accounts it speaks for."""

    hash: bytes
    group: str
    expires_at: datetime | None


def add(tx: Tx, vault: Vault, account: Account, *, group: str) -> None:
    tx.run(
        """
        INSERT INTO accounts (id, app_id, wxid, name, product, base_url, token, callback_group, state, state_reason,
                              workflow_id, policy, created_ms, updated_ms, version, relogin)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        account.id,
        account.app_id,
        account.wxid,
        account.name,
        account.product,
        account.base_url,
        vault.seal(_context(account.id), account.token),
        group,
        account.state,
        account.state_reason,
        account.workflow_id,
        encode_text(account.policy),
        to_ms(account.created_at),
        to_ms(account.updated_at),
        account.version,
        account.relogin,
    )


def save(tx: Tx, vault: Vault, account: Account) -> None:
    """What an operator may change, under the version that `account` carries."""
    tx.run(
        """
        UPDATE accounts
           SET app_id = $2, wxid = $3, name = $4, product = $5, base_url = $6, token = $7, state = $8,
               state_reason = $9, workflow_id = $10, policy = $11, updated_ms = $12, version = $13, relogin = $14
         WHERE id = $1
        """,
        account.id,
        account.app_id,
        account.wxid,
        account.name,
        account.product,
        account.base_url,
        vault.seal(_context(account.id), account.token),
        account.state,
        account.state_reason,
        account.workflow_id,
        encode_text(account.policy),
        to_ms(account.updated_at),
        account.version,
        account.relogin,
    )


def standing(tx: Tx, account_id: AccountId) -> sqlite3.Row | None:
    """`state`, `state_reason`, `name`, `relogin`, `app_id` and `wxid` as they are stored now."""
    return tx.one("SELECT state, state_reason, name, relogin, app_id, wxid FROM accounts WHERE id = $1", account_id)


def put_state(tx: Tx, account_id: AccountId, state: AccountState, reason: str | None) -> None:
    """Where the account has come to. The first time that it is online is kept."""
    tx.run(
        """
        UPDATE accounts
           SET state = $2, state_reason = $3, updated_ms = $4,
               online_since_ms = CASE WHEN $2 = 'online' THEN coalesce(online_since_ms, $4) ELSE online_since_ms END
         WHERE id = $1
        """,
        account_id,
        state,
        reason,
        tx.now_ms,
    )


def identify(tx: Tx, account_id: AccountId, wxid: Wxid) -> None:
    """The callback said who the account is; until then only its device was known."""
    tx.run("UPDATE accounts SET wxid = $2 WHERE id = $1 AND wxid IS NULL", account_id, wxid)


def put_wxid(tx: Tx, account_id: AccountId, wxid: Wxid) -> None:
    """Who has just been logged in."""
    tx.run("UPDATE accounts SET wxid = $2 WHERE id = $1", account_id, wxid)


def put_device(tx: Tx, account_id: AccountId, app_id: AppId) -> None:
    tx.run("UPDATE accounts SET app_id = $2 WHERE id = $1", account_id, app_id)


def device_of(tx: Tx, app_id: AppId) -> str | None:
    """The id of the account on this device."""
    found: str | None = tx.value("SELECT id FROM accounts WHERE app_id = $1", app_id)
    return found


def remove(tx: Tx, account_id: AccountId) -> None:
    """The account, what is kept of it, and with the last one of its group the keys of its callback.

    Its logins go with the row. What was done and spent stays, for the audit and the bills.
    """
    group = tx.value("SELECT callback_group FROM accounts WHERE id = $1", account_id)
    for table in _OF_ACCOUNT:
        tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)  # noqa: S608  # text of ours
    tx.run("DELETE FROM accounts WHERE id = $1", account_id)
    if not tx.value("SELECT count(*) FROM accounts WHERE callback_group = $1", group):
        tx.run("DELETE FROM callback_keys WHERE callback_group = $1", group)


def everything(tx: Tx, vault: Vault) -> list[tuple[Account, str]]:
    """Every account with its callback group: there are few, and all of them are kept in memory."""
    rows = tx.all("SELECT * FROM accounts ORDER BY id")
    return [(_account(row, vault), row["callback_group"]) for row in rows]


def add_callback_key(tx: Tx, group: str, digest: bytes) -> None:
    """One more key for the group; those before it are honoured until they are retired."""
    tx.run("INSERT INTO callback_keys (hash, callback_group, created_ms) VALUES ($1, $2, $3)", digest, group, tx.now_ms)


def retire_callback_keys(tx: Tx, group: str, *, but: bytes, at: datetime) -> None:
    """All keys of the group but one are honoured until then, and no longer."""
    tx.run(
        """
        UPDATE callback_keys SET expires_ms = $3
         WHERE callback_group = $1 AND hash <> $2 AND (expires_ms IS NULL OR expires_ms > $3)
        """,
        group,
        but,
        to_ms(at),
    )


def drop_callback_key(tx: Tx, digest: bytes) -> None:
    tx.run("DELETE FROM callback_keys WHERE hash = $1", digest)


def callback_keys(tx: Tx) -> list[CallbackKey]:
    rows = tx.all(
        "SELECT hash, callback_group, expires_ms FROM callback_keys WHERE expires_ms IS NULL OR expires_ms > $1",
        tx.now_ms,
    )
    return [
        CallbackKey(
            hash=row["hash"],
            group=row["callback_group"],
            expires_at=optional_from_ms(row["expires_ms"]),
        )
        for row in rows
    ]


def _account(row: sqlite3.Row, vault: Vault) -> Account:
    return Account(
        id=AccountId(row["id"]),
        app_id=AppId(row["app_id"]),
        wxid=row["wxid"],
        name=row["name"],
        product=Product(row["product"]),
        base_url=row["base_url"],
        token=vault.open(_context(row["id"]), row["token"]),
        state=AccountState(row["state"]),
        state_reason=row["state_reason"],
        workflow_id=row["workflow_id"],
        policy=recall(row["policy"], ReplyPolicy),
        created_at=from_ms(row["created_ms"]),
        updated_at=from_ms(row["updated_ms"]),
        version=row["version"],
        relogin=bool(row["relogin"]),
        online_since=optional_from_ms(row["online_since_ms"]),
    )


def _context(account_id: str) -> str:
    return f"accounts|{account_id}|token"


def renewed(account: Account, tx: Tx) -> Account:
    """`account` as changed now: its next version."""
    return evolve(account, updated_at=tx.now, version=account.version + 1)
