"""What passed between us and the services lately, added up for the pages of the integrations.

`accounts`: only what belongs to these; None: everything. Each look is a range of ids, which begin with their time.
"""

from collections.abc import Collection
from datetime import datetime

from attrs import frozen

from daemon.clock import to_ms
from daemon.codec import encode_text
from daemon.domain.turn import Degraded
from daemon.ids import least_at
from daemon.store.tx import Tx

_THEIRS = "($2 IS NULL OR account_id IN (SELECT value FROM json_each($2)))"

Accounts = Collection[str] | None


@frozen(kw_only=True)
class Spent:
    """Of settled charges. Points and money in integer millionths."""

    tokens: int
    points_micro: int
    cost_micro: int


def spent(tx: Tx, provider: str, since: datetime, accounts: Accounts) -> Spent:
    row = tx.one(
        f"""
        SELECT coalesce(sum(input_tokens + output_tokens + embedding_tokens), 0) AS tokens,
               coalesce(sum(points_micro), 0) AS points_micro, coalesce(sum(cost_micro), 0) AS cost_micro
          FROM charges WHERE created_ms >= $1 AND {_THEIRS} AND provider = $3 AND state = 'settled'
        """,  # noqa: S608  # text of ours
        to_ms(since),
        _listed(accounts),
        provider,
    )
    assert row is not None
    return Spent(**dict(row))


def sends(tx: Tx, since: datetime, accounts: Accounts) -> dict[str, int]:
    """How many were queued since, by what became of them."""
    rows = tx.all(
        f"SELECT state, count(*) AS n FROM sends WHERE id >= $1 AND {_THEIRS} GROUP BY state",  # noqa: S608
        least_at(to_ms(since)),
        _listed(accounts),
    )
    return {row["state"]: row["n"] for row in rows}


def received(tx: Tx, since: datetime, accounts: Accounts) -> int:
    """Messages that came in, those we wrote on the phone included."""
    total: int = tx.value(
        f"SELECT count(*) FROM messages WHERE id >= $1 AND {_THEIRS}",  # noqa: S608  # text of ours
        least_at(to_ms(since)),
        _listed(accounts),
    )
    return total


def degraded(tx: Tx, provider: str, since: datetime, accounts: Accounts) -> dict[Degraded, int]:
    """How many turns that began since then came about in which way; `Degraded.NO` are those answered as they should.

    Of those whose workflow was last asked at this provider; one that is gone may have been anybody's.
    """
    rows = tx.all(
        f"""
        SELECT degraded, count(*) AS n FROM turns
         WHERE id >= $1 AND {_THEIRS} AND state IN ('answered', 'failed')
           AND NOT EXISTS (SELECT 1 FROM workflows WHERE id = turns.workflow_id AND provider <> $3) GROUP BY degraded
        """,  # noqa: S608  # text of ours
        least_at(to_ms(since)),
        _listed(accounts),
        provider,
    )
    return {Degraded(row["degraded"]): row["n"] for row in rows}


def _listed(accounts: Accounts) -> str | None:
    return None if accounts is None else encode_text(sorted(accounts))
