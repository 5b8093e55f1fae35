"""The tables `logins` and `relogins`: the login under way, how it was asked for, and our own tries to repair one."""

import sqlite3
from datetime import datetime

from attrs import frozen

from daemon.clock import from_ms, to_ms
from daemon.domain.login import LoginMethod, PendingLogin
from daemon.domain.message import AccountId
from daemon.secret import Secret
from daemon.store.tx import Tx
from daemon.vault import Vault


@frozen(kw_only=True)
class Way:
    """Where a login is made from: WeChat mistrusts an account that moves."""

    region: str | None = None
    proxy: Secret | None = None


def begin(tx: Tx, vault: Vault, account_id: AccountId, pending: PendingLogin, way: Way) -> None:
    """In the place of one that was under way."""
    tx.run(
        """
        INSERT INTO logins (id, method, region, proxy, uuid, began_by, began_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET method = excluded.method, region = excluded.region, proxy = excluded.proxy,
            uuid = excluded.uuid, began_by = excluded.began_by, began_ms = excluded.began_ms,
            expires_ms = excluded.expires_ms
        """,
        account_id,
        pending.method,
        way.region,
        vault.seal(_context(account_id), way.proxy or Secret("")),
        pending.uuid,
        pending.began_by,
        to_ms(pending.began_at),
        to_ms(pending.expires_at),
    )


def end(tx: Tx, account_id: AccountId, uuid: str) -> bool:
    """It is under way no more; False where another one has taken its place, or it had ended before."""
    return tx.run("UPDATE logins SET uuid = NULL WHERE id = $1 AND uuid = $2", account_id, uuid) > 0


def drop(tx: Tx, account_id: AccountId) -> None:
    """Whatever is under way is so no more."""
    tx.run("UPDATE logins SET uuid = NULL WHERE id = $1", account_id)


def pending(tx: Tx, account_id: AccountId) -> PendingLogin | None:
    row = tx.one("SELECT * FROM logins WHERE id = $1 AND uuid IS NOT NULL", account_id)
    return None if row is None else _pending(row)


def way(tx: Tx, vault: Vault, account_id: AccountId) -> Way:
    """Of the last login; of none where there was none."""
    row = tx.one("SELECT region, proxy FROM logins WHERE id = $1", account_id)
    if row is None:
        return Way()
    proxy = vault.open(_context(account_id), row["proxy"])
    return Way(region=row["region"], proxy=proxy if proxy.reveal() else None)


@frozen(kw_only=True)
class Tries:
    """How often we tried since the account was last online, and when the next try may begin."""

    rounds: int = 0
    next_at: datetime | None = None


def tries(tx: Tx, account_id: AccountId) -> Tries:
    row = tx.one("SELECT rounds, next_ms FROM relogins WHERE account_id = $1", account_id)
    return Tries() if row is None else Tries(rounds=row["rounds"], next_at=from_ms(row["next_ms"]))


def tried(tx: Tx, account_id: AccountId, *, next_at: datetime) -> None:
    """One more round begins now."""
    tx.run(
        """
        INSERT INTO relogins (account_id, rounds, next_ms) VALUES ($1, 1, $2)
        ON CONFLICT (account_id) DO UPDATE SET rounds = relogins.rounds + 1, next_ms = excluded.next_ms
        """,
        account_id,
        to_ms(next_at),
    )


def forget_tries(tx: Tx, account_id: AccountId) -> None:
    """It is online. The time of the next round stays: an account that comes and goes is not logged in each time."""
    tx.run("UPDATE relogins SET rounds = 0 WHERE account_id = $1", account_id)


def _pending(row: sqlite3.Row) -> PendingLogin:
    return PendingLogin(
        method=LoginMethod(row["method"]),
        uuid=row["uuid"],
        began_by=row["began_by"],
        began_at=from_ms(row["began_ms"]),
        expires_at=from_ms(row["expires_ms"]),
    )


def _context(account_id: str) -> str:
    return f"logins|{account_id}|proxy"
