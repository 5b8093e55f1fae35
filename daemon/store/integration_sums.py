"""What passed between us and the services lately, added up for the pages of the integrations."""

from datetime import datetime

from attrs import frozen

from daemon.clock import to_ms
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Spent:
    """Of settled charges. Points and money in integer millionths."""

    tokens: int
    points_micro: int
    cost_micro: int


def spent(tx: Tx, provider: str, since: datetime) -> Spent:
    row = tx.one(
        """
        SELECT coalesce(sum(input_tokens + output_tokens + embedding_tokens), 0) AS tokens,
               coalesce(sum(points_micro), 0) AS points_micro, coalesce(sum(cost_micro), 0) AS cost_micro
          FROM charges WHERE provider = $1 AND state = 'settled' AND created_ms >= $2
        """,
        provider,
        to_ms(since),
    )
    assert row is not None
    return Spent(**dict(row))


def sends(tx: Tx, since: datetime) -> dict[str, int]:
    """How many were queued since, by what became of them."""
    rows = tx.all("SELECT state, count(*) AS n FROM sends WHERE created_ms >= $1 GROUP BY state", to_ms(since))
    return {row["state"]: row["n"] for row in rows}


def received(tx: Tx, since: datetime) -> int:
    """Messages that came in, those we wrote on the phone included."""
    total: int = tx.value("SELECT count(*) FROM messages WHERE received_ms >= $1", to_ms(since))
    return total
