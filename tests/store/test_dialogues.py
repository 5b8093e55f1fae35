"""The chat API's conversations in the store: whose they are, what is on its way, what is old."""

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.access import Actor, Role
from daemon.domain.dialogue import Dialogue, Line, Place, opens_to
from daemon.ids import Ids
from daemon.store import dialogues
from daemon.store.database import open_database
from daemon.store.retention import Cursor, Keep, prune_once
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.memory import open_tx

KEEP = Keep(dialogues=timedelta(days=30), dialogue_copies=timedelta(days=2))
ADMIN = Actor(id="key:a", role=Role.ADMIN)


def dialogue(tx: Tx, name: str = "c1", user: str = "ann") -> Dialogue:
    return Dialogue(id=name, user_id=user, made_by="key:a", chat=f"chat of {user}", created_at=tx.now)


def say(tx: Tx, content: str, place: Place = Place.HERE, name: str = "c1") -> Line:
    line = Line(
        id=tx.new_id(), dialogue_id=name, content=content, is_user=True, workflow_id=None, created_at=tx.now
    )  # fmt: skip
    dialogues.add(tx, line, place)
    return line


def later(tx: Tx, clock: FakeClock, **span: float) -> Tx:
    clock.advance(timedelta(**span).total_seconds())
    return Tx(tx.connection, Ids(clock), clock.now(), tx.epoch)


def prune(tx: Tx) -> int:
    return prune_once(tx, KEEP, Cursor()).rows.get("dialogues", 0)


def test_who_is_first_has_it() -> None:
    tx = open_tx()
    mine = dialogues.hold(tx, dialogue(tx), Place.HERE)
    assert dialogues.hold(tx, dialogue(tx, user="bob"), Place.HERE) == mine
    kept = dialogues.get(tx, "c1")
    assert kept == dialogues.Kept(dialogue=mine, place=Place.HERE, purge=False)


def test_a_page_is_the_latest_before_a_line_oldest_first() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.HERE)
    lines = [say(tx, str(number)) for number in range(6)]
    assert dialogues.page(tx, "c1", before=lines[4].id, limit=3) == lines[1:4]
    assert dialogues.page(tx, "c2", before=None, limit=3) == []


def test_what_is_carried_is_no_longer_ours_alone() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.OUTGOING)
    first, second = (say(tx, text, Place.OUTGOING) for text in ("一", "二"))
    assert (dialogues.outgoing(tx, "c1", 10), dialogues.waiting(tx)) == ([first, second], 2)
    dialogues.carried(tx, [first])
    assert (dialogues.outgoing(tx, "c1", 10), dialogues.waiting(tx)) == ([second], 1)
    assert dialogues.page(tx, "c1", before=None, limit=10, copies=False) == [second]
    assert dialogues.page(tx, "c1", before=None, limit=10) == [first, second]


def test_what_is_forgotten_is_gone_at_once_and_its_name_waits_for_the_other_store() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.COPY)
    say(tx, "x", Place.COPY)
    dialogues.forget(tx, "c1", elsewhere=True)
    assert dialogues.get(tx, "c1") == dialogues.Kept(dialogue=None, place=Place.OUTGOING, purge=True)
    assert dialogues.page(tx, "c1", before=None, limit=9) == []
    again = dialogues.hold(tx, dialogue(tx, user="bob"), Place.OUTGOING)
    assert again.user_id == "bob"
    dialogues.purged(tx, "c1")
    kept = dialogues.get(tx, "c1")
    assert kept == dialogues.Kept(dialogue=again, place=Place.OUTGOING, purge=False)


def test_without_another_store_nothing_of_it_is_left() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.HERE)
    say(tx, "x")
    dialogues.forget(tx, "c1", elsewhere=False)
    assert dialogues.get(tx, "c1") is None


def test_a_forgotten_one_leaves_no_row_once_the_other_store_has_forgotten_it_too() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.COPY)
    dialogues.forget(tx, "c1", elsewhere=True)
    dialogues.purged(tx, "c1")
    assert dialogues.get(tx, "c1") is None


def test_old_lines_go_and_then_the_conversation_and_its_name_is_free() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    dialogues.hold(tx, dialogue(tx), Place.HERE)
    say(tx, "old")
    tx = later(tx, clock, days=20)
    dialogues.hold(tx, dialogue(tx), Place.HERE)
    young = say(tx, "young")
    tx = later(tx, clock, days=11)
    assert prune(tx) == 1
    assert dialogues.page(tx, "c1", before=None, limit=9) == [young]
    tx = later(tx, clock, days=20)
    assert (prune(tx), prune(tx)) == (2, 0)
    assert dialogues.get(tx, "c1") is None


def test_copies_go_after_two_days_and_what_is_on_its_way_never() -> None:
    clock = FakeClock()
    tx = open_tx(clock)
    for name in ("c1", "c2"):
        dialogues.hold(tx, dialogue(tx, name), Place.COPY)
    say(tx, "copy", Place.COPY)
    waiting = say(tx, "waiting", Place.OUTGOING, "c2")
    dialogues.hold(tx, dialogue(tx, "c3"), Place.COPY)
    dialogues.forget(tx, "c3", elsewhere=True)
    tx = later(tx, clock, days=400)
    prune(tx)
    assert dialogues.get(tx, "c1") is None
    assert dialogues.outgoing(tx, "c2", 9) == [waiting]
    assert dialogues.get(tx, "c3") is not None  # Supabase is still to forget it


def test_what_was_written_under_anothers_name_is_dropped() -> None:
    tx = open_tx()
    dialogues.hold(tx, dialogue(tx), Place.OUTGOING)
    say(tx, "x", Place.OUTGOING)
    assert dialogues.correct(tx, dialogue(tx, user="bob")) == 1
    kept = dialogues.get(tx, "c1")
    assert kept is not None
    assert kept.dialogue is not None
    assert (kept.dialogue.user_id, kept.place) == ("bob", Place.COPY)


@pytest.mark.parametrize(
    ("user", "by", "opens"),
    [
        ("ann", ADMIN, True),
        ("bob", ADMIN, False),
        ("ann", Actor(id="key:b", role=Role.OPERATOR), True),
        ("ann", Actor(id="key:b", role=Role.AGENT), False),
        ("ann", Actor(id="key:a", role=Role.AGENT), True),
        ("ann", Actor(id="key:b", role=Role.OPERATOR, accounts=frozenset({"x"})), False),
        ("ann", Actor(id="key:a", role=Role.OPERATOR, accounts=frozenset({"x"})), True),
        ("bob", Actor(id="key:a", role=Role.AGENT), False),
    ],
)
def test_whom_a_conversation_opens_to(user: str, by: Actor, opens: bool) -> None:
    tx = open_tx()
    assert opens_to(dialogue(tx), user, by) is opens


async def test_lines_stay_in_order_over_a_restart_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = FakeClock()

    def said(tx: Tx) -> str:
        dialogues.hold(tx, dialogue(tx), Place.HERE)
        return say(tx, "x").id

    async with open_database(tmp_path / "qiaod.db", clock) as db:
        before = await db.write(said)
    clock.jump_wall(-86_400)
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        assert await db.write(said) > before
