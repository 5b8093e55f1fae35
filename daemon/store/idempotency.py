"""The table `idempotency`: the first answer to each Idempotency-Key, to be given again."""

from datetime import timedelta

from attrs import frozen

from daemon.codec import encode_text, parse
from daemon.store.tx import Tx

_MILLISECOND = timedelta(milliseconds=1)


@frozen(kw_only=True)
class Seen:
    """What is known of an earlier call. Without a status it is still running."""

    fingerprint: bytes
    status: int | None
    body: bytes | None  # None also where the answer held a secret
    headers: dict[str, str]


def begin(tx: Tx, *, actor: str, key: str, fingerprint: bytes, keep: timedelta) -> Seen | None:
    """None: the call is ours to make. Otherwise the one that was there first.

    What is older than `keep`, or was left running by an older process, counts no more.
    """
    row = tx.one(
        """
        INSERT INTO idempotency (actor, key, fingerprint, epoch, created_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (actor, key) DO UPDATE
           SET fingerprint = excluded.fingerprint, status = NULL, body = NULL, headers = NULL,
               epoch = excluded.epoch, created_ms = excluded.created_ms
         WHERE idempotency.created_ms < $6 OR (idempotency.status IS NULL AND idempotency.epoch < $4)
        RETURNING key
        """,
        actor,
        key,
        fingerprint,
        tx.epoch,
        tx.now_ms,
        tx.now_ms - keep // _MILLISECOND,
    )
    return None if row is not None else _seen(tx, actor, key)


def finish(tx: Tx, *, actor: str, key: str, status: int, body: bytes | None, headers: dict[str, str]) -> None:
    """The answer, to be given again; unless another process has taken the call over."""
    tx.run(
        "UPDATE idempotency SET status = $3, body = $4, headers = $5 WHERE actor = $1 AND key = $2 AND epoch = $6",
        actor,
        key,
        status,
        body,
        encode_text(headers),
        tx.epoch,
    )


def release(tx: Tx, *, actor: str, key: str) -> None:
    """Nothing was done: the same key may try again."""
    tx.run(
        "DELETE FROM idempotency WHERE actor = $1 AND key = $2 AND status IS NULL AND epoch = $3", actor, key, tx.epoch
    )


def prune(tx: Tx, *, before_ms: int, limit: int) -> int:
    """Up to `limit` from before; not those that are still being answered."""
    return tx.run(
        """
        DELETE FROM idempotency WHERE (actor, key) IN (
            SELECT actor, key FROM idempotency
             WHERE created_ms < $1 AND (status IS NOT NULL OR epoch < $2) ORDER BY created_ms LIMIT $3)
        """,
        before_ms,
        tx.epoch,
        limit,
    )


def _seen(tx: Tx, actor: str, key: str) -> Seen:
    row = tx.one("SELECT * FROM idempotency WHERE actor = $1 AND key = $2", actor, key)
    assert row is not None, "what refused the insert is there"
    return Seen(
        fingerprint=row["fingerprint"],
        status=row["status"],
        body=row["body"],
        headers=parse(row["headers"]) if row["headers"] else {},
    )
