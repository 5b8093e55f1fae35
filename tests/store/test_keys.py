"""The table of API keys."""

from datetime import timedelta

from daemon.clock import to_ms
from daemon.domain.access import Key, Role
from daemon.store import keys
from daemon.store.keys import Found
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx


def key(tx: Tx, key_id: str, role: Role = Role.ADMIN, *, lives: timedelta | None = None) -> Key:
    made = Key(
        id=key_id,
        name="n",
        role=role,
        created_at=tx.now,
        expires_at=tx.now + lives if lives else None,
        revoked_at=None,
        last_used_at=None,
    )
    keys.add(tx, made, b"digest", by="test")
    return made


def test_a_key_is_found_as_it_was_added_with_its_digest() -> None:
    tx = open_tx()
    made = key(tx, "a", lives=timedelta(days=1))
    assert keys.find(tx, "a") == Found(made, b"digest", None)
    assert keys.find(tx, "b") is None


def test_only_admin_keys_that_still_work_count_as_admins() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    for key_id, role in (("a", Role.ADMIN), ("b", Role.ADMIN), ("c", Role.VIEWER)):
        key(tx, key_id, role)
    key(tx, "d", lives=timedelta(hours=1))
    keys.revoke(tx, "b")
    assert keys.admins(tx) == 2
    clock.advance(3600)
    assert keys.admins(Tx(tx.connection, tx.ids, clock.now(), 1)) == 1


def test_a_second_revocation_does_not_move_the_first() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    key(tx, "a")
    keys.revoke(tx, "a")
    clock.advance(60)
    later = Tx(tx.connection, tx.ids, clock.now(), 1)
    keys.revoke(later, "a")
    found = keys.find(later, "a")
    assert found is not None
    assert found.key.revoked_at == tx.now


def test_keys_made_in_one_moment_are_paged_without_loss() -> None:
    tx = open_tx()
    for key_id in "dbac":
        key(tx, key_id)
    first = keys.page(tx, role=None, before=None, limit=2)
    rest = keys.page(tx, role=None, before=(to_ms(tx.now), first[-1].id), limit=9)
    assert [found.id for found in first + rest] == ["d", "c", "b", "a"]
