"""The table `levels`: how full each limiter was, so that a restart earns nothing."""

from datetime import timedelta

from daemon.clock import to_ms
from daemon.store.tx import Tx


def save(tx: Tx, name: str, tokens: float) -> None:
    tx.run(
        """
        INSERT INTO levels (name, tokens, at_ms) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms
        """,
        name,
        tokens,
        tx.now_ms,
    )


def forget(tx: Tx, prefix: str, *, older_than: timedelta) -> int:
    """Levels that nobody stored anew for so long."""
    return tx.run(
        "DELETE FROM levels WHERE substr(name, 1, $2) = $1 AND at_ms < $3",
        prefix,
        len(prefix),
        to_ms(tx.now - older_than),
    )


def load(tx: Tx, prefix: str) -> dict[str, float]:
    """Levels by name, without the prefix."""
    rows = tx.all("SELECT name, tokens FROM levels WHERE substr(name, 1, $2) = $1", prefix, len(prefix))
    return {row["name"][len(prefix) :]: row["tokens"] for row in rows}
