"""Retention: what is old goes, what is still needed stays, and no step is large."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.clock import from_ms, to_ms
from daemon.ids import Ids
from daemon.store import connect, pauses
from daemon.store.migrate import migrate
from daemon.store.retention import PAGES, ROWS, SLACK, Cursor, Keep, prune_once, shrink
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx

KEEP = Keep()
LONG_AGO = timedelta(days=400)


def at(tx: Tx, clock: FakeClock) -> Tx:
    return Tx(tx.connection, Ids(clock), clock.now(), tx.epoch)


def prune_all(tx: Tx, keep: Keep = KEEP) -> dict[str, int]:
    rows, cursor = dict[str, int](), Cursor()
    for _ in range(1000):
        pruned = prune_once(tx, keep, cursor)
        assert pruned.total <= ROWS
        for table, count in pruned.rows.items():
            rows[table] = rows.get(table, 0) + count
        if pruned.next is None:
            return rows
        cursor = pruned.next
    raise AssertionError("retention never ends")


def add_job(tx: Tx, state: str) -> str:
    identifier = tx.new_id()
    ended = tx.now_ms if state in ("done", "dead", "cancelled") else None
    tx.run(
        "INSERT INTO jobs (id, lane, args, state, due_ms, created_ms, ended_ms) VALUES ($1, 'l', $2, $3, $4, $4, $5)",
        identifier,
        b"{}",
        state,
        tx.now_ms,
        ended,
    )
    return identifier


def add_message(tx: Tx, standing: str, turn_id: str | None = None) -> str:
    identifier = tx.new_id()
    tx.run(
        "INSERT INTO messages (id, account_id, conversation_id, sender, origin, kind, text, content, standing, turn_id,"
        " sequence, sent_ms, received_ms) VALUES ($1, 'a', 'c', 's', 'contact', 'text', '', '{}', $2, $3, 1, $4, $4)",
        identifier,
        standing,
        turn_id,
        tx.now_ms,
    )
    return identifier


def add_turn(tx: Tx, state: str) -> str:
    identifier = tx.new_id()
    tx.run(
        "INSERT INTO turns (id, conversation_id, account_id, state, question, created_ms)"
        " VALUES ($1, 'c', 'a', $2, '', $3)",
        identifier,
        state,
        tx.now_ms,
    )
    return identifier


def add_send(tx: Tx, state: str, turn_id: str | None = None) -> str:
    identifier = tx.new_id()
    tx.run(
        "INSERT INTO sends (id, account_id, conversation_id, peer, text, mentions, origin, turn_id, batch, part, parts,"
        " state, expires_ms, created_ms) VALUES ($1, 'a', 'c', 'p', '', '[]', 'reply', $2, 'b', 1, 1, $3, $4, $4)",
        identifier,
        turn_id,
        state,
        tx.now_ms,
    )
    return identifier


def add_key(tx: Tx, key: str, *, last: timedelta = timedelta()) -> None:
    tx.run(
        "INSERT INTO dedupe (key, first_ms, last_ms) VALUES ($1, $2, $3)",
        key,
        tx.now_ms,
        tx.now_ms + last // timedelta(milliseconds=1),
    )


def ids(tx: Tx, table: str) -> set[str]:
    return {row["id"] for row in tx.all(f"SELECT id FROM {table}")}


def test_ended_jobs_go_by_how_they_ended_and_open_ones_stay() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    jobs = {state: add_job(tx, state) for state in ("ready", "running", "done", "cancelled", "dead")}
    clock.advance(KEEP.jobs.total_seconds() + 1)
    assert prune_all(at(tx, clock)) == {"jobs": 2}
    assert ids(tx, "jobs") == {jobs["ready"], jobs["running"], jobs["dead"]}
    clock.advance(LONG_AGO.total_seconds())
    assert prune_all(at(tx, clock)) == {"jobs": 1}
    assert ids(tx, "jobs") == {jobs["ready"], jobs["running"]}


def test_nothing_that_is_still_needed_goes_however_old() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    asking, answered = add_turn(tx, "asking"), add_turn(tx, "answered")
    pending, asked = add_message(tx, "pending"), add_message(tx, "answered", asking)
    kept = {add_send(tx, state, answered) for state in ("queued", "waiting", "sending", "unknown")}
    for state in ("sent", "failed", "cancelled", "expired", "revoked"):
        add_send(tx, state)
    add_message(tx, "kept")
    add_message(tx, "answered", answered)
    add_turn(tx, "failed")
    clock.advance(LONG_AGO.total_seconds())
    assert prune_all(at(tx, clock)) == {"messages": 2, "sends": 5, "turns": 1}
    assert ids(tx, "messages") == {pending, asked}
    assert ids(tx, "turns") == {asking, answered}
    assert ids(tx, "sends") == kept


def test_what_is_young_stays() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_message(tx, "answered")
    add_send(tx, "sent")
    add_turn(tx, "answered")
    clock.advance(KEEP.messages.total_seconds() - 1)
    assert prune_all(at(tx, clock)) == {}
    clock.advance(2)
    assert prune_all(at(tx, clock)) == {"messages": 1, "sends": 1, "turns": 1}


@pytest.mark.parametrize("keep", [Keep(dedupe=timedelta(days=1), messages=timedelta(days=1)), Keep()])
def test_dedupe_keys_outlive_the_messages_and_thirty_days(keep: Keep) -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    add_key(tx, "m")
    clock.advance(max(timedelta(days=30), keep.messages).total_seconds() - 1)
    assert prune_all(at(tx, clock), keep) == {}
    clock.advance(timedelta(days=1, seconds=2).total_seconds())
    assert prune_all(at(tx, clock), keep) == {"dedupe": 1}


def test_a_key_that_was_delivered_again_lately_stays_and_hides_none_behind_it() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    for number in range(ROWS + 50):
        add_key(tx, f"again {number}", last=LONG_AGO)
    for number in range(ROWS + 50):
        add_key(tx, f"old {number}")
    clock.advance(LONG_AGO.total_seconds())
    assert prune_all(at(tx, clock)) == {"dedupe": ROWS + 50}
    assert tx.value("SELECT count(*) FROM dedupe WHERE key LIKE 'again%'") == ROWS + 50


def test_idempotency_keys_go_after_a_day_but_not_under_a_call_that_still_runs() -> None:
    clock = FakeClock()
    tx = open_tx(clock, epoch=2)
    for key, status, epoch in (("done", 200, 1), ("left running", None, 1), ("running", None, 2)):
        tx.run(
            "INSERT INTO idempotency (actor, key, fingerprint, status, epoch, created_ms)"
            " VALUES ('a', $1, $2, $3, $4, $5)",
            key,
            b"",
            status,
            epoch,
            tx.now_ms,
        )
    clock.advance(timedelta(hours=25).total_seconds())
    assert prune_all(at(tx, clock)) == {"idempotency": 2}
    assert tx.value("SELECT key FROM idempotency") == "running"


def test_samples_events_and_expired_callback_keys_go_too() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    tx.run("INSERT INTO quarantine VALUES ($1, 'r', $2, $3)", tx.new_id(), b"", tx.now_ms)
    tx.run("INSERT INTO callback_events VALUES ($1, 'a', 'k', '{}', $2)", tx.new_id(), tx.now_ms)
    tx.run("INSERT INTO callback_keys VALUES ($1, 'g', $2, $2)", b"retired", tx.now_ms)
    tx.run("INSERT INTO callback_keys VALUES ($1, 'g', $2, NULL)", b"in use", tx.now_ms)
    clock.advance(LONG_AGO.total_seconds())
    assert prune_all(at(tx, clock)) == {"quarantine": 1, "callback_events": 1, "callback_keys": 1}
    assert tx.value("SELECT hash FROM callback_keys") == b"in use"


def test_a_chat_goes_when_nobody_went_on_in_it_for_long() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    for name in ("left", "used"):
        tx.run("INSERT INTO chats (conversation, chat, used_ms) VALUES ($1, 'other', $2)", name, tx.now_ms)
    clock.advance(KEEP.messages.total_seconds())
    assert pauses.chat_of(at(tx, clock), "used") == "other"
    clock.advance(1)
    assert prune_all(at(tx, clock)) == {"chats": 1}
    assert (pauses.chat_of(tx, "left"), pauses.chat_of(tx, "used")) == ("left", "other")


STATES = st.sampled_from(["ready", "running", "done", "dead", "cancelled"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(STATES, st.integers(0, 100)), max_size=30), st.integers(1, 60), st.integers(1, 60))
def test_of_jobs_exactly_those_past_their_time_go(ages: list[tuple[str, int]], days: int, dead_days: int) -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    keep = Keep(jobs=timedelta(days=days), dead_jobs=timedelta(days=dead_days))
    now = clock.now()
    wanted = set()
    for state, age in ages:
        then = Tx(tx.connection, tx.ids, from_ms(to_ms(now) - age * 86_400_000), 1)
        identifier = add_job(then, state)
        limit = {"done": days, "cancelled": days, "dead": dead_days}.get(state)
        if limit is None or age <= limit:
            wanted.add(identifier)
    prune_all(tx, keep)
    assert ids(tx, "jobs") == wanted


def test_every_look_for_what_is_old_uses_an_index() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    seen = list[str]()
    tx.connection.set_trace_callback(seen.append)
    prune_once(tx, KEEP, Cursor())
    tx.connection.set_trace_callback(None)
    for sql in seen:
        plan = [row["detail"] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}")]
        assert not [step for step in plan if step.startswith("SCAN") and "callback_keys" not in step], sql


def test_free_pages_are_given_back_in_small_steps(tmp_path: Path) -> None:
    clock = FakeClock()
    with closing(connect.for_writing(tmp_path / "qiaod.db")) as db:
        migrate(db)
        tx = Tx(db, Ids(clock), clock.now())
        tx.many("INSERT INTO levels VALUES ($1, 1.0, 1)", ((f"{n:01000}",) for n in range(7_000)))
        tx.run("DELETE FROM levels")
        before, free = tx.value("PRAGMA page_count"), tx.value("PRAGMA freelist_count")
        tx.run("BEGIN")
        lefts = list(iter(lambda: shrink(tx), 0))
        tx.run("COMMIT")
        assert lefts == list(range(free - SLACK - PAGES, 0, -PAGES))
        assert tx.value("PRAGMA freelist_count") == SLACK
        assert tx.value("PRAGMA page_count") <= before - (free - SLACK)
        assert connect.problems(db, thorough=True) == ()
