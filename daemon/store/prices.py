"""The table `prices`: what a provider's units cost, from when on."""

import sqlite3
from datetime import datetime

from daemon.clock import from_ms, to_ms
from daemon.domain.cost import ANY_MODEL, Price
from daemon.store.tx import Tx


def add(tx: Tx, price: Price) -> None:
    tx.run(
        """
        INSERT INTO prices (id, provider, model, point_micro, input_micro, output_micro, embedding_micro, act_micro,
                            valid_from_ms, created_ms, updated_ms, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        *_values(price),
    )


def save(tx: Tx, price: Price) -> None:
    tx.run(
        """
        UPDATE prices
           SET provider = $2, model = $3, point_micro = $4, input_micro = $5, output_micro = $6, embedding_micro = $7,
               act_micro = $8, valid_from_ms = $9, created_ms = $10, updated_ms = $11, version = $12
         WHERE id = $1
        """,
        *_values(price),
    )


def get(tx: Tx, price_id: str) -> Price | None:
    row = tx.one("SELECT * FROM prices WHERE id = $1", price_id)
    return None if row is None else _price(row)


def valid(tx: Tx, *, provider: str, model: str) -> Price | None:
    """The price that holds now: the model's own, else the provider's for all."""
    row = tx.one(
        """
        SELECT * FROM prices
         WHERE provider = $1 AND model IN ($2, $3) AND valid_from_ms <= $4
         ORDER BY model = $3, valid_from_ms DESC LIMIT 1
        """,
        provider,
        model,
        ANY_MODEL,
        tx.now_ms,
    )
    return None if row is None else _price(row)


def twin(tx: Tx, *, provider: str, model: str, valid_from: datetime) -> str | None:
    """The id of the price that begins at the same moment for the same model."""
    found: str | None = tx.value(
        "SELECT id FROM prices WHERE provider = $1 AND model = $2 AND valid_from_ms = $3",
        provider,
        model,
        to_ms(valid_from),
    )
    return found


def page(
    tx: Tx, *, provider: str | None, model: str | None, current: bool | None, before: str | None, limit: int
) -> list[Price]:
    """Newest first. `current`: only those that hold now, or only the others."""
    rows = tx.all(
        f"SELECT * FROM prices p WHERE {_WANTED} AND ($5 IS NULL OR id < $5) ORDER BY id DESC LIMIT $6",  # noqa: S608
        provider,
        model,
        current,
        tx.now_ms,
        before,
        limit,
    )
    return [_price(row) for row in rows]


def count(tx: Tx, *, provider: str | None, model: str | None, current: bool | None) -> int:
    total: int = tx.value(
        f"SELECT count(*) FROM prices p WHERE {_WANTED}",  # noqa: S608  # text of ours
        provider,
        model,
        current,
        tx.now_ms,
    )
    return total


_WANTED = """
    ($1 IS NULL OR provider = $1) AND ($2 IS NULL OR model = $2)
    AND ($3 IS NULL OR $3 = (valid_from_ms <= $4 AND NOT EXISTS (
        SELECT 1 FROM prices n
         WHERE n.provider = p.provider AND n.model = p.model
           AND n.valid_from_ms > p.valid_from_ms AND n.valid_from_ms <= $4)))
"""


def remove(tx: Tx, price_id: str) -> None:
    tx.run("DELETE FROM prices WHERE id = $1", price_id)


def _values(price: Price) -> tuple[object, ...]:
    return (
        price.id,
        price.provider,
        price.model,
        price.point_micro,
        price.input_micro,
        price.output_micro,
        price.embedding_micro,
        price.act_micro,
        to_ms(price.valid_from),
        to_ms(price.created_at),
        to_ms(price.updated_at),
        price.version,
    )


def _price(row: sqlite3.Row) -> Price:
    return Price(
        id=row["id"],
        provider=row["provider"],
        model=row["model"],
        point_micro=row["point_micro"],
        input_micro=row["input_micro"],
        output_micro=row["output_micro"],
        embedding_micro=row["embedding_micro"],
        act_micro=row["act_micro"],
        valid_from=from_ms(row["valid_from_ms"]),
        created_at=from_ms(row["created_ms"]),
        updated_at=from_ms(row["updated_ms"]),
        version=row["version"],
    )
