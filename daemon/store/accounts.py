"""The tables `accounts` and `callback_keys`."""

import sqlite3
from datetime import datetime

from attrs import evolve, frozen

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.store.tx import Tx
from daemon.vault import Vault


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
                              workflow_id, policy, created_ms, updated_ms, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
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
    )


def save(tx: Tx, vault: Vault, account: Account) -> None:
    """What an operator may change, under the version that `account` carries."""
    tx.run(
        """
        UPDATE accounts
           SET app_id = $2, wxid = $3, name = $4, product = $5, base_url = $6, token = $7, state = $8,
               state_reason = $9, workflow_id = $10, policy = $11, updated_ms = $12, version = $13
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
    )


def observe(tx: Tx, account_id: AccountId, state: AccountState, reason: str | None) -> bool:
    """Move the account to `state` by what was seen of it. A suspended one stays where its operator put it."""
    changed = tx.run(
        "UPDATE accounts SET state = $2, state_reason = $3, updated_ms = $4 WHERE id = $1 AND state <> 'suspended'",
        account_id,
        state,
        reason,
        tx.now_ms,
    )
    return changed > 0


def identify(tx: Tx, account_id: AccountId, wxid: Wxid) -> None:
    """The callback said who the account is; until then only its device was known."""
    tx.run("UPDATE accounts SET wxid = $2 WHERE id = $1 AND wxid IS NULL", account_id, wxid)


def remove(tx: Tx, account_id: AccountId) -> None:
    """The account and, with the last one of its group, the keys of its callback."""
    group = tx.value("SELECT callback_group FROM accounts WHERE id = $1", account_id)
    tx.run("DELETE FROM accounts WHERE id = $1", account_id)
    if not tx.value("SELECT count(*) FROM accounts WHERE callback_group = $1", group):
        tx.run("DELETE FROM callback_keys WHERE callback_group = $1", group)


def everything(tx: Tx, vault: Vault) -> list[tuple[Account, str]]:
    """Every account with its callback group: there are few, and all of them are kept in memory."""
    rows = tx.all("SELECT * FROM accounts ORDER BY id")
    return [(_account(row, vault), row["callback_group"]) for row in rows]


def add_callback_key(tx: Tx, group: str, digest: bytes, *, retire_at: datetime | None = None) -> None:
    """A new key for the group; the ones before it are honoured until `retire_at`."""
    if retire_at is not None:
        tx.run(
            "UPDATE callback_keys SET expires_ms = $2 WHERE callback_group = $1 AND expires_ms IS NULL",
            group,
            to_ms(retire_at),
        )
    tx.run("INSERT INTO callback_keys (hash, callback_group, created_ms) VALUES ($1, $2, $3)", digest, group, tx.now_ms)


def callback_keys(tx: Tx) -> list[CallbackKey]:
    rows = tx.all(
        "SELECT hash, callback_group, expires_ms FROM callback_keys WHERE expires_ms IS NULL OR expires_ms > $1",
        tx.now_ms,
    )
    return [
        CallbackKey(
            hash=row["hash"],
            group=row["callback_group"],
            expires_at=None if row["expires_ms"] is None else from_ms(row["expires_ms"]),
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
    )


def _context(account_id: str) -> str:
    return f"accounts|{account_id}|token"


def renewed(account: Account, tx: Tx) -> Account:
    """`account` as changed now: its next version."""
    return evolve(account, updated_at=tx.now, version=account.version + 1)
