"""The tables `callback_events` and `quarantine`: callbacks that are no messages, and bodies nobody could read."""

from daemon.domain.message import AccountId
from daemon.store.tx import Tx

SAMPLES = 200  # kept at most, the newest
SAMPLE_BYTES = 10_000  # of each: with the count, 2 MB


def add_event(tx: Tx, account_id: AccountId, *, kind: str, detail: str) -> None:
    tx.run(
        "INSERT INTO callback_events (id, account_id, kind, detail, received_ms) VALUES ($1, $2, $3, $4, $5)",
        tx.new_id(),
        account_id,
        kind,
        detail,
        tx.now_ms,
    )


def quarantine(tx: Tx, *, reason: str, body: bytes) -> None:
    """Keep a sample, and of all samples only the newest."""
    tx.run(
        "INSERT INTO quarantine (id, reason, body, received_ms) VALUES ($1, $2, $3, $4)",
        tx.new_id(),
        reason,
        body[:SAMPLE_BYTES],
        tx.now_ms,
    )
    tx.run("DELETE FROM quarantine WHERE id <= (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET $1)", SAMPLES)
