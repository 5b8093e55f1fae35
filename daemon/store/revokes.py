"""Taking a sent message back, in the table `sends`: begun once, and durable before the call."""

from daemon.store.tx import Tx


def begin(tx: Tx, send_id: str) -> bool:
    """Durable before the call, which is made at most once. False where it is not `sent`, or was begun before."""
    changed = tx.run(
        """
        UPDATE sends SET revoke = 'revoking', revoke_epoch = $2
         WHERE id = $1 AND state = 'sent' AND revoke IS NULL
        """,
        send_id,
        tx.epoch,
    )
    return changed > 0


def done(tx: Tx, send_id: str) -> None:
    tx.run(
        "UPDATE sends SET state = 'revoked', revoke = NULL, error = NULL WHERE id = $1 AND revoke IS NOT NULL", send_id
    )


def refused(tx: Tx, send_id: str) -> None:
    """Refused: it stands as it was."""
    tx.run("UPDATE sends SET revoke = NULL WHERE id = $1 AND revoke = 'revoking'", send_id)


def lose(tx: Tx, send_id: str) -> None:
    """It may be gone, or not: nobody asks again."""
    tx.run(
        """
        UPDATE sends SET revoke = 'unknown', error = 'send.revoke_unknown' WHERE id = $1 AND revoke = 'revoking'
        """,
        send_id,
    )


def recover(tx: Tx) -> int:
    """Those that an older process was at when it ended."""
    return tx.run(
        """
        UPDATE sends SET revoke = 'unknown', error = 'send.revoke_unknown'
         WHERE revoke = 'revoking' AND revoke_epoch < $1
        """,
        tx.epoch,
    )
