"""What the file knows of itself: how often it was opened, whether it was closed, and its greatest id."""

from daemon.store.tx import Tx

EPOCH = "epoch"
CLEAN = "clean_shutdown"  # holds the epoch that closed the file; anything else means that it was not closed
PROBE = "probe"

_GREATEST = """
SELECT max(id) FROM (
    SELECT max(id) AS id FROM messages UNION ALL SELECT max(id) FROM sends
    UNION ALL SELECT max(id) FROM jobs UNION ALL SELECT max(id) FROM turns
    UNION ALL SELECT max(id) FROM dialogue_lines UNION ALL SELECT max(id) FROM workflow_test_lines)
"""


def get(tx: Tx, key: str) -> str | None:
    value: str | None = tx.value("SELECT value FROM meta WHERE key = $1", key)
    return value


def put(tx: Tx, key: str, value: str) -> None:
    tx.run("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2", key, value)


def next_epoch(tx: Tx) -> int:
    """Begin a new life of this file; whatever an older one left running is orphaned by this commit."""
    epoch = int(get(tx, EPOCH) or 0) + 1
    put(tx, EPOCH, str(epoch))
    return epoch


def closed_cleanly(tx: Tx) -> bool:
    return get(tx, CLEAN) == get(tx, EPOCH)


def close_cleanly(tx: Tx) -> None:
    put(tx, CLEAN, str(tx.epoch))


def probe(tx: Tx) -> None:
    """A small real write: whether writing works is found out by writing."""
    put(tx, PROBE, str(tx.now_ms))


def greatest_id(tx: Tx) -> str | None:
    """Of all that we gave ids to in commit order."""
    identifier: str | None = tx.value(_GREATEST)
    return identifier
