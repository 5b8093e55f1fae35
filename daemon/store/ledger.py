"""The tables `charges` and `charge_holds`: what each call was reserved for, and what it cost in the end."""

import sqlite3

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.domain.cost import Charge, ChargeId, ChargeKind, ChargeState, Scopes, Units
from daemon.store.quota_windows import Place
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Hold:
    """That a charge counts in a window, and with how much, in millionths of the quota's measure."""

    place: Place
    amount: int


def add(tx: Tx, charge: Charge, *, day: str) -> None:
    """`day`: the date where the operator is."""
    scopes, units = charge.scopes, charge.units
    tx.run(
        """
        INSERT INTO charges (id, ref, kind, provider, model, account_id, workflow_id, contact, rule_id, key_id,
                             request_id, state, usage_known, price_id, points_micro, input_tokens, output_tokens,
                             embedding_tokens, acts, estimate_micro, cost_micro, day, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 0, $21, $22)
        """,
        charge.id,
        charge.ref,
        charge.kind,
        charge.provider,
        charge.model,
        scopes.account_id,
        scopes.workflow_id,
        scopes.contact,
        scopes.rule_id,
        scopes.key_id,
        scopes.request_id,
        charge.state,
        charge.usage_known,
        charge.price_id,
        units.points_micro,
        units.input_tokens,
        units.output_tokens,
        units.embedding_tokens,
        units.acts,
        charge.estimate_micro,
        day,
        to_ms(charge.created_at),
    )


def forget(tx: Tx, charge_id: ChargeId) -> None:
    """A charge that was released is reserved anew: its row makes room."""
    tx.run("DELETE FROM charge_holds WHERE charge_id = $1", charge_id)
    tx.run("DELETE FROM charges WHERE id = $1", charge_id)


def by_ref(tx: Tx, ref: str) -> Charge | None:
    row = tx.one("SELECT * FROM charges WHERE ref = $1", ref)
    return None if row is None else charge_of(row)


def settle(tx: Tx, charge: Charge) -> None:
    """As it is now."""
    units = charge.units
    tx.run(
        """
        UPDATE charges
           SET state = 'settled', usage_known = $2, points_micro = $3, input_tokens = $4, output_tokens = $5,
               embedding_tokens = $6, acts = $7, cost_micro = $8, settled_ms = $9
         WHERE id = $1 AND state = 'reserved'
        """,
        charge.id,
        charge.usage_known,
        units.points_micro,
        units.input_tokens,
        units.output_tokens,
        units.embedding_tokens,
        units.acts,
        charge.cost_micro,
        tx.now_ms,
    )


def release(tx: Tx, charge_id: ChargeId) -> None:
    tx.run(
        "UPDATE charges SET state = 'released', settled_ms = $2 WHERE id = $1 AND state = 'reserved'",
        charge_id,
        tx.now_ms,
    )


def hold(tx: Tx, charge_id: ChargeId, hold: Hold) -> None:
    tx.run(
        "INSERT INTO charge_holds (charge_id, quota_id, scope_id, start_ms, amount) VALUES ($1, $2, $3, $4, $5)",
        charge_id,
        *hold.place,
        hold.amount,
    )


def holds(tx: Tx, charge_id: ChargeId) -> list[Hold]:
    rows = tx.all("SELECT * FROM charge_holds WHERE charge_id = $1 ORDER BY quota_id", charge_id)
    return [Hold(place=(row["quota_id"], row["scope_id"], row["start_ms"]), amount=row["amount"]) for row in rows]


def rebook(tx: Tx, charge_id: ChargeId, quota_id: str, amount: int) -> None:
    """What a hold truly came to."""
    tx.run("UPDATE charge_holds SET amount = $3 WHERE charge_id = $1 AND quota_id = $2", charge_id, quota_id, amount)


def attempts(tx: Tx, kind: ChargeKind, thing_id: str) -> list[Charge]:
    """The charges of one thing, oldest first: one for each attempt that may have cost something."""
    begin, end = f"{kind}/{thing_id}/", f"{kind}/{thing_id}0"  # 0 follows / in ASCII
    rows = tx.all("SELECT * FROM charges WHERE ref > $1 AND ref < $2 ORDER BY id", begin, end)
    return [charge_of(row) for row in rows]


def earlier(tx: Tx, workflow_id: str, *, limit: int) -> list[Units]:
    """What the last calls of a workflow truly used, newest first."""
    rows = tx.all(
        """
        SELECT points_micro, input_tokens, output_tokens, embedding_tokens, acts FROM charges
         WHERE workflow_id = $1 AND state = 'settled' AND usage_known = 1 AND kind = 'workflow'
         ORDER BY id DESC LIMIT $2
        """,
        workflow_id,
        limit,
    )
    return [_units(row) for row in rows]


def lost(tx: Tx, *, before_ms: int, limit: int) -> list[Charge]:
    """Reserved before then, and never heard of again; oldest first."""
    rows = tx.all(
        "SELECT * FROM charges WHERE state = 'reserved' AND created_ms < $1 ORDER BY created_ms LIMIT $2",
        before_ms,
        limit,
    )
    return [charge_of(row) for row in rows]


def prune(tx: Tx, *, before_ms: int, limit: int) -> int:
    """Up to `limit` charges from before. Of those still reserved the end is not known, so they stay."""
    old = tx.all(
        "SELECT id FROM charges WHERE created_ms < $1 AND state <> 'reserved' ORDER BY created_ms LIMIT $2",
        before_ms,
        limit,
    )
    ids = [(row["id"],) for row in old]
    tx.many("DELETE FROM charge_holds WHERE charge_id = $1", ids)
    tx.many("DELETE FROM charges WHERE id = $1", ids)
    return len(ids)


def _units(row: sqlite3.Row) -> Units:
    return Units(
        points_micro=row["points_micro"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        embedding_tokens=row["embedding_tokens"],
        acts=row["acts"],
    )


def charge_of(row: sqlite3.Row) -> Charge:
    return Charge(
        id=ChargeId(row["id"]),
        ref=row["ref"],
        kind=ChargeKind(row["kind"]),
        provider=row["provider"],
        model=row["model"],
        scopes=Scopes(
            account_id=row["account_id"],
            workflow_id=row["workflow_id"],
            contact=row["contact"],
            rule_id=row["rule_id"],
            key_id=row["key_id"],
            request_id=row["request_id"],
        ),
        state=ChargeState(row["state"]),
        usage_known=bool(row["usage_known"]),
        price_id=row["price_id"],
        units=_units(row),
        estimate_micro=row["estimate_micro"],
        cost_micro=row["cost_micro"],
        created_at=from_ms(row["created_ms"]),
        settled_at=optional_from_ms(row["settled_ms"]),
    )
