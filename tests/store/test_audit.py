"""The audit log's chain: whole as written, and broken at the very row that somebody touched (PROMISES T23)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from attrs import evolve

from daemon.domain.access import SYSTEM, Actor, Role
from daemon.store import audit
from daemon.store.audit import Break, Walked
from daemon.store.tx import Tx
from tests.memory import open_tx

KEY = b"chain" * 8
ANN = Actor(id="key:k3m9x2p7qa", role=Role.ADMIN, source="192.0.2.7", request_id="req-12345678")


def log_of(rows: int) -> Tx:
    tx = open_tx()
    tx.audit_key = KEY
    for number in range(1, rows + 1):
        audit.record(tx, ANN, "key.created", f"key:{number}", detail={"role": "viewer", "number": number})
    return tx


def walked(tx: Tx, *, part: int = 3) -> Walked:
    found = Walked(last=audit.start(tx))
    while not found.ended and found.broken is None:
        found = audit.walk(tx, found.last, part)
    return found


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 10])
def test_a_log_that_nobody_touched_is_whole(rows: int) -> None:
    found = walked(log_of(rows))
    assert found.broken is None
    assert found.last.seq == rows


def test_a_row_says_who_did_what_to_which_thing_and_from_where() -> None:
    tx = log_of(1)
    (entry,), total = audit.page(
        tx, actor=None, action=None, target=None, since=None, until=None, before=None, limit=10
    )
    assert total == 1
    assert (entry.seq, entry.actor, entry.role, entry.source) == (1, ANN.id, "admin", "192.0.2.7")
    assert (entry.action, entry.target, entry.outcome) == ("key.created", "key:1", "done")
    assert entry.detail == {"role": "viewer", "number": 1}
    assert entry.request_id == "req-12345678"


COLUMNS = ["at_ms", "actor", "role", "source", "action", "target", "outcome", "detail", "request_id", "hash"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_is_found_at_its_row(column: str) -> None:
    tx = log_of(7)
    value = {"at_ms": 1, "hash": b"\x00" * 32, "outcome": "refused"}.get(column, "x")
    tx.run(f"UPDATE audit SET {column} = $1 WHERE seq = 4", value)
    assert walked(tx).broken == Break(seq=4, why="changed")


@pytest.mark.parametrize("seq", [1, 4, 6])
def test_a_deleted_row_is_missed(seq: int) -> None:
    tx = log_of(7)
    tx.run("DELETE FROM audit WHERE seq = $1", seq)
    assert walked(tx).broken == Break(seq=seq, why="missing")


def test_a_cut_off_end_is_missed() -> None:
    tx = log_of(7)
    tx.run("DELETE FROM audit WHERE seq >= 6")
    assert walked(tx).broken == Break(seq=6, why="missing")


def test_two_swapped_rows_are_found_at_the_first() -> None:
    tx = log_of(7)
    tx.run("UPDATE audit SET seq = 100 WHERE seq = 3")
    tx.run("UPDATE audit SET seq = 3 WHERE seq = 5")
    tx.run("UPDATE audit SET seq = 5 WHERE seq = 100")
    assert walked(tx).broken == Break(seq=3, why="changed")


def test_rows_written_without_the_key_are_found() -> None:
    tx = log_of(3)
    forger = evolve(tx, audit_key=b"another key")
    audit.record(forger, ANN, "key.created", "key:forged")
    assert walked(tx).broken == Break(seq=4, why="changed")


def test_retention_takes_a_closed_piece_and_the_rest_stays_verifiable() -> None:
    tx = log_of(5)
    later = evolve(tx, now=tx.now + timedelta(days=400))
    audit.record(later, SYSTEM, "process.started", "epoch:2")
    assert audit.prune(later, older_than=tx.now + timedelta(days=1), limit=3) == 3
    found = walked(later)
    assert found.broken is None
    assert audit.start(later).seq == 3
    assert found.last.seq == 6


def test_a_log_that_retention_emptied_goes_on_from_its_last_hash() -> None:
    tx = log_of(2)
    later = evolve(tx, now=tx.now + timedelta(days=400))
    assert audit.prune(later, older_than=later.now, limit=10) == 2
    audit.record(later, SYSTEM, "process.started", "epoch:2")
    assert walked(later).broken is None
    later.run("DELETE FROM audit")
    assert walked(later).broken == Break(seq=3, why="missing")


FILTERS: list[tuple[dict[str, str], int]] = [
    ({"actor": ANN.id}, 2),
    ({"actor": "system"}, 1),
    ({"action": "key"}, 2),
    ({"action": "key.created"}, 2),
    ({"action": "ke"}, 0),
    ({"target": "key:2"}, 1),
]


@pytest.mark.parametrize(("wanted", "count"), FILTERS)
def test_the_log_can_be_narrowed(wanted: dict[str, str], count: int) -> None:
    tx = log_of(2)
    audit.record(tx, SYSTEM, "process.started", "epoch:1")
    filters = {"actor": None, "action": None, "target": None} | wanted
    entries, total = audit.page(tx, **filters, since=None, until=None, before=None, limit=10)
    assert len(entries) == total == count


def test_a_change_that_fails_leaves_no_trace_in_the_log() -> None:
    tx = log_of(1)
    tx.connection.execute("BEGIN")
    audit.record(tx, ANN, "key.revoked", "key:1")
    tx.connection.execute("ROLLBACK")
    assert walked(tx).last.seq == 1
    assert walked(tx).broken is None


def unchained(tx: Tx) -> None:
    """A seeded bug: the head is not kept."""
    tx.run("DELETE FROM meta WHERE key = $1", audit.HEAD)


def recounted(tx: Tx) -> None:
    """A forger without the key numbers the rows anew after taking one away."""
    tx.run("DELETE FROM audit WHERE seq = 2")
    for seq in range(3, 6):
        tx.run("UPDATE audit SET seq = $2 WHERE seq = $1", seq, seq - 1)


@pytest.mark.parametrize("meddle", [unchained, recounted])
def test_whoever_has_not_the_key_cannot_mend_the_chain(meddle: Callable[[Tx], None]) -> None:
    tx = log_of(5)
    meddle(tx)
    assert walked(tx).broken is not None
