"""The tables `dialogues` and `dialogue_lines`: the chat API's conversations, and what is on its way elsewhere."""

import sqlite3
from collections.abc import Sequence

from attrs import frozen

from daemon.clock import from_ms, to_ms
from daemon.domain.dialogue import Dialogue, Line, Place
from daemon.store.tx import Tx


@frozen(kw_only=True)
class Kept:
    """A dialogue as it stands here. Without a `dialogue` it was forgotten; with `purge` also the other store must."""

    dialogue: Dialogue | None
    place: Place
    purge: bool


def get(tx: Tx, dialogue_id: str) -> Kept | None:
    row = tx.one("SELECT * FROM dialogues WHERE id = $1", dialogue_id)
    if row is None:
        return None
    dialogue = _dialogue(row) if row["user_id"] else None
    return Kept(dialogue=dialogue, place=Place(row["place"]), purge=bool(row["purge"]))


def hold(tx: Tx, dialogue: Dialogue, place: Place) -> Dialogue:
    """It is here from now on, or was: as it stands. A name whose dialogue was forgotten is free."""
    tx.run(
        """
        INSERT INTO dialogues (id, user_id, made_by, chat, place, created_ms, used_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE
           SET user_id = $2, made_by = $3, chat = $4, place = $5, created_ms = $6 WHERE dialogues.user_id = ''
        """,
        dialogue.id,
        dialogue.user_id,
        dialogue.made_by,
        dialogue.chat,
        place,
        to_ms(dialogue.created_at),
        tx.now_ms,
    )
    row = tx.one("UPDATE dialogues SET used_ms = $2 WHERE id = $1 RETURNING *", dialogue.id, tx.now_ms)
    assert row is not None  # just put there
    return _dialogue(row)


def correct(tx: Tx, dialogue: Dialogue) -> int:
    """It is somebody else's: what was said here under its name does not belong to it. How many lines those were."""
    gone = tx.run("DELETE FROM dialogue_lines WHERE dialogue_id = $1 AND place <> 'copy'", dialogue.id)
    opened(tx, dialogue)
    return gone


def add(tx: Tx, line: Line, place: Place) -> None:
    tx.run(
        """
        INSERT INTO dialogue_lines (id, dialogue_id, content, is_user, workflow_id, place, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        line.id,
        line.dialogue_id,
        line.content,
        line.is_user,
        line.workflow_id,
        place,
        to_ms(line.created_at),
    )


def page(tx: Tx, dialogue_id: str, *, before: str | None, limit: int, copies: bool = True) -> list[Line]:
    """The latest before that line, oldest first. `copies`: also what the other store has."""
    rows = tx.all(
        """
        SELECT * FROM dialogue_lines
         WHERE dialogue_id = $1 AND ($2 IS NULL OR id < $2) AND ($4 OR place <> 'copy') ORDER BY id DESC LIMIT $3
        """,
        dialogue_id,
        before,
        limit,
        copies,
    )
    return [_line(row) for row in reversed(rows)]


def outgoing(tx: Tx, dialogue_id: str, limit: int, *, after: str = "") -> list[Line]:
    """The first after that line that are not in the other store yet."""
    rows = tx.all(
        "SELECT * FROM dialogue_lines WHERE dialogue_id = $1 AND place = 'outgoing' AND id > $2 ORDER BY id LIMIT $3",
        dialogue_id,
        after,
        limit,
    )
    return [_line(row) for row in rows]


def waiting(tx: Tx, dialogue_id: str | None = None) -> int:
    """Lines that are not in the other store yet, of all dialogues or of one."""
    return int(
        tx.value(
            "SELECT count(*) FROM dialogue_lines WHERE place = 'outgoing' AND ($1 IS NULL OR dialogue_id = $1)",
            dialogue_id,
        )
    )


def send_on(tx: Tx, dialogue_id: str) -> None:
    """What was kept here alone goes to the other store too: it was said before there was one."""
    tx.run(
        """
        UPDATE dialogue_lines SET place = 'outgoing'
         WHERE dialogue_id = $1 AND place = 'here' AND EXISTS (SELECT 1 FROM dialogues WHERE id = $1 AND place = 'here')
        """,
        dialogue_id,
    )


def here(tx: Tx) -> int:
    """Dialogues that are kept here alone."""
    return int(tx.value("SELECT count(*) FROM dialogues WHERE place = 'here'"))


def opened(tx: Tx, dialogue: Dialogue) -> None:
    """The other store has the dialogue, as it is given."""
    tx.run(
        "UPDATE dialogues SET user_id = $2, made_by = $3, chat = $4, place = 'copy', created_ms = $5 WHERE id = $1",
        dialogue.id,
        dialogue.user_id,
        dialogue.made_by,
        dialogue.chat,
        to_ms(dialogue.created_at),
    )


def carried(tx: Tx, lines: Sequence[Line]) -> None:
    """The other store has these lines."""
    tx.many("UPDATE dialogue_lines SET place = 'copy' WHERE id = $1", [(line.id,) for line in lines])


def stay(tx: Tx, dialogue_id: str) -> None:
    """There is no other store any more."""
    tx.run("UPDATE dialogue_lines SET place = 'here' WHERE dialogue_id = $1 AND place = 'outgoing'", dialogue_id)
    tx.run("UPDATE dialogues SET place = 'here' WHERE id = $1", dialogue_id)
    purged(tx, dialogue_id)


def forget(tx: Tx, dialogue_id: str, *, elsewhere: bool) -> None:
    """Nothing of it is left here; its name stays while the other store is still to forget it too."""
    tx.run("DELETE FROM dialogue_lines WHERE dialogue_id = $1", dialogue_id)
    if elsewhere:
        tx.run(
            "UPDATE dialogues SET user_id = '', made_by = '', chat = '', place = 'outgoing', purge = 1 WHERE id = $1",
            dialogue_id,
        )
    else:
        tx.run("DELETE FROM dialogues WHERE id = $1", dialogue_id)


def purged(tx: Tx, dialogue_id: str) -> None:
    """The other store has forgotten it; under its name there may be a new one by now."""
    tx.run("UPDATE dialogues SET purge = 0 WHERE id = $1", dialogue_id)
    tx.run("DELETE FROM dialogues WHERE id = $1 AND user_id = ''", dialogue_id)


def prune(tx: Tx, *, here: str, copies: str, unused_ms: int, limit: int) -> int:
    """Up to `limit` lines below these ids, then dialogues without any that were not used since. What is on its way
    stays, however old."""
    gone = 0
    for place, below in ((Place.HERE, here), (Place.COPY, copies)):
        gone += tx.run(
            """
            DELETE FROM dialogue_lines WHERE id IN (
                SELECT id FROM dialogue_lines WHERE place = $1 AND id < $2 ORDER BY id LIMIT $3)
            """,
            place,
            below,
            limit - gone,
        )
    if gone == limit:
        return gone
    return gone + tx.run(
        """
        DELETE FROM dialogues WHERE id IN (
            SELECT d.id FROM dialogues d
             WHERE d.used_ms < $1 AND d.purge = 0
               AND NOT EXISTS (SELECT 1 FROM dialogue_lines l WHERE l.dialogue_id = d.id)
             ORDER BY d.used_ms LIMIT $2)
        """,
        unused_ms,
        limit - gone,
    )


def _dialogue(row: sqlite3.Row) -> Dialogue:
    return Dialogue(
        id=row["id"],
        user_id=row["user_id"],
        made_by=row["made_by"],
        chat=row["chat"],
        created_at=from_ms(row["created_ms"]),
    )


def _line(row: sqlite3.Row) -> Line:
    return Line(
        id=row["id"],
        dialogue_id=row["dialogue_id"],
        content=row["content"],
        is_user=bool(row["is_user"]),
        workflow_id=row["workflow_id"],
        created_at=from_ms(row["created_ms"]),
    )
