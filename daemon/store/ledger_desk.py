"""The ledger as people read it: records by filter, and sums. Money and points in millionths."""

import sqlite3
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.clock import to_ms
from daemon.codec import encode_text
from daemon.domain.cost import Charge, ChargeKind, ChargeState
from daemon.store.ledger import charge_of
from daemon.store.tx import Tx


class GroupBy(StrEnum):
    WORKFLOW = "workflow"
    ACCOUNT = "account"
    CONTACT = "contact"
    RULE = "rule"
    KEY = "key"
    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


_COLUMNS = {
    GroupBy.WORKFLOW: "workflow_id",
    GroupBy.ACCOUNT: "account_id",
    GroupBy.CONTACT: "contact",
    GroupBy.RULE: "rule_id",
    GroupBy.KEY: "key_id",
    GroupBy.PROVIDER: "provider",
    GroupBy.MODEL: "model",
    GroupBy.DAY: "day",
}


@frozen(kw_only=True)
class Wanted:
    """Which charges. None: any."""

    since: datetime
    until: datetime  # not included
    accounts: frozenset[str] | None = None  # all that the reader may see
    account_id: str | None = None
    workflow_id: str | None = None
    contact: str | None = None
    rule_id: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    provider: str | None = None
    kind: ChargeKind | None = None
    state: ChargeState | None = None
    priced: bool | None = None


@frozen(kw_only=True)
class Sum:
    """`key` names the group; None: the charges without one, and the sum of all."""

    key: str | None
    calls: int  # that were not released
    points_micro: int  # of those settled, as are the tokens and the cost
    input_tokens: int
    output_tokens: int
    embedding_tokens: int
    cost_micro: int
    estimated: int  # calls settled at their estimate
    unpriced: int  # calls that nobody said the price of
    reserved: int  # calls whose cost is not known yet
    reserved_micro: int  # their estimates


def page(tx: Tx, wanted: Wanted, *, before: tuple[int, str] | None, limit: int) -> list[Charge]:
    """Newest first, those made before `(created_ms, id)`."""
    created_ms, charge_id = before or (None, None)
    rows = tx.all(
        f"""
        SELECT * FROM charges WHERE {_WANTED} AND ($14 IS NULL OR (created_ms, id) < ($14, $15))
         ORDER BY created_ms DESC, id DESC LIMIT $16
        """,  # noqa: S608  # text of ours
        *_values(wanted),
        created_ms,
        charge_id,
        limit,
    )
    return [charge_of(row) for row in rows]


def count(tx: Tx, wanted: Wanted) -> int:
    total: int = tx.value(f"SELECT count(*) FROM charges WHERE {_WANTED}", *_values(wanted))  # noqa: S608
    return total


def total(tx: Tx, wanted: Wanted) -> Sum:
    row = tx.one(f"SELECT NULL AS key, {_SUMS} FROM charges WHERE {_WANTED}", *_values(wanted))  # noqa: S608
    assert row is not None  # an aggregate always has its row
    return _sum(row)


def sums(tx: Tx, wanted: Wanted, group_by: GroupBy, *, limit: int) -> list[Sum]:
    """The dearest groups first; days in their order, the last ones."""
    column = _COLUMNS[group_by]
    order = "day DESC" if group_by is GroupBy.DAY else "cost_micro DESC, calls DESC, key"
    rows = tx.all(
        f"""
        SELECT {column} AS key, {_SUMS} FROM charges WHERE {_WANTED}
         GROUP BY {column} ORDER BY {order} LIMIT $14
        """,  # noqa: S608  # names of ours
        *_values(wanted),
        limit,
    )
    found = [_sum(row) for row in rows]
    return found[::-1] if group_by is GroupBy.DAY else found


_SUMS = """
    coalesce(sum(state <> 'released'), 0) AS calls,
    coalesce(sum(points_micro) FILTER (WHERE state = 'settled'), 0) AS points_micro,
    coalesce(sum(input_tokens) FILTER (WHERE state = 'settled'), 0) AS input_tokens,
    coalesce(sum(output_tokens) FILTER (WHERE state = 'settled'), 0) AS output_tokens,
    coalesce(sum(embedding_tokens) FILTER (WHERE state = 'settled'), 0) AS embedding_tokens,
    coalesce(sum(cost_micro), 0) AS cost_micro,
    coalesce(sum(state = 'settled' AND usage_known = 0), 0) AS estimated,
    coalesce(sum(state <> 'released' AND price_id IS NULL), 0) AS unpriced,
    coalesce(sum(state = 'reserved'), 0) AS reserved,
    coalesce(sum(estimate_micro) FILTER (WHERE state = 'reserved'), 0) AS reserved_micro
"""

_WANTED = """
    created_ms >= $1 AND created_ms < $2
    AND ($3 IS NULL OR account_id IN (SELECT value FROM json_each($3)))
    AND ($4 IS NULL OR account_id = $4) AND ($5 IS NULL OR workflow_id = $5) AND ($6 IS NULL OR contact = $6)
    AND ($7 IS NULL OR rule_id = $7) AND ($8 IS NULL OR key_id = $8) AND ($9 IS NULL OR request_id = $9)
    AND ($10 IS NULL OR provider = $10) AND ($11 IS NULL OR kind = $11) AND ($12 IS NULL OR state = $12)
    AND ($13 IS NULL OR (price_id IS NOT NULL) = $13)
"""


def _values(wanted: Wanted) -> tuple[object, ...]:
    return (
        to_ms(wanted.since),
        to_ms(wanted.until),
        None if wanted.accounts is None else encode_text(sorted(wanted.accounts)),
        wanted.account_id,
        wanted.workflow_id,
        wanted.contact,
        wanted.rule_id,
        wanted.key_id,
        wanted.request_id,
        wanted.provider,
        wanted.kind,
        wanted.state,
        wanted.priced,
    )


def _sum(row: sqlite3.Row) -> Sum:
    return Sum(
        key=row["key"],
        calls=row["calls"],
        points_micro=row["points_micro"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        embedding_tokens=row["embedding_tokens"],
        cost_micro=row["cost_micro"],
        estimated=row["estimated"],
        unpriced=row["unpriced"],
        reserved=row["reserved"],
        reserved_micro=row["reserved_micro"],
    )
